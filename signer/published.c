/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/published.h"

#include <string.h>

static const struct {
	const char *digest, *where;
} published[] = {
	{ "c142a101726374766792f1007267120d3ad1f6d15edafb6dcf83d5cc2558909d",
	  "Dovecot" },
	{ "09cd48c2fbe44bf1e68565684f54c51299e75931ed42467cbc7be37c021e7ede",
	  "GnuTLS" },
	{ "23d51a270cb0711301b27f8cb0b6355126c6d856e1ae7e2f46fefa60c8c51d42",
	  "GnuTLS" },
	{ "348f40b8ca903c0a15dee92b03c8b9a59aee3a2296b5ff544a7d72d40c7d2a05",
	  "GnuTLS" },
	{ "377b72ebaae43d90a40b89ddaac015ecad98431858312d11b4053b31eb9ccc11",
	  "GnuTLS" },
	{ "7f173f65ea04836d5d5fab00afa67897e71dbc01662db9bcbe807b8507b20487",
	  "GnuTLS" },
	{ "a3d8965527fc3e07ed347c6d68cc95cc5511ae90a6ed7b9e9d443eceb2f5eaff",
	  "GnuTLS" },
	{ "ac1e3b0c79d47689562ef8e864681b377afea59a786db073f647704adfcc82f4",
	  "GnuTLS" },
	{ "c41dc6cc1361b41b23dc261c959bed84bae2387ae3f196b1a60b0c61dd195d5b",
	  "GnuTLS" },
	{ "d1dc75186fa035add68642556d4cdf68b2a1b74b4b60761b17f08fca7c79a606",
	  "GnuTLS" },
	{ "e5c643c952857f233aa0efe512e0eee0053a0ce17c17a41214be05a1cf3e1317",
	  "GnuTLS" },
	{ "0c8ca6c33a0a1f647fecfd77acc40f390b6213aacd61b5ce741e579f7cfd39af",
	  "Linux" },
	{ "423b273b81a469deb20158afded315a3ab9d02dfab480d37bb95265c9e23c096",
	  "Linux, as LZ4 writes it" },
	{ "9ac20020fcebd801079a5ad0381ebe3d83e4f715b1854e934a2be0acee464d6b",
	  "Linux" },
	{ "c641a1eb8cab9142984bb32f6861a3f9c69ee8d12e440ca0ef871f53d6fb8168",
	  "Linux" },
	{ "d7a2ac395c1b85ddd188fc0223da17981b43099386e5bcc6da74cd5f152aaa2f",
	  "Linux" },
	{ "f97eef5942d683aaa892503a2f0a8e2cc085092f4671a3c9a848d1b1a5c647b4",
	  "Linux" },
	{ "00dd0d9b34920b369a802a086a166aaf04f744ae4009369089295def6f80a4c5",
	  "Mbed TLS" },
	{ "026c069f434c59a1f098760bf3dd659067550b4fda793a35c340c4d8cd789d99",
	  "Mbed TLS" },
	{ "1820853c99779f8e6b847a9ad7fceba765515f1e6ce991a96b7420d0299334fe",
	  "Mbed TLS" },
	{ "557e06381c7e6448cd0d98c664172f6c143dd93cbc0e0d54561bac06fe86c62d",
	  "Mbed TLS" },
	{ "57b6711164cef689b928f73f4809a37e407896a940a291eb3f13424e2a01b4ce",
	  "Mbed TLS" },
	{ "77ffe88a785127deb761570bf12fe72fb52bb791e9e4fd5a821b92737d814ee5",
	  "Mbed TLS" },
	{ "8329cb07e4da4ad13e0b44f51ba7f777358e556a3af4580765923c6b5212ee46",
	  "Mbed TLS" },
	{ "916591fe3a480392ece0f0259cae9cdbc4178acd63863dfb5e8a135e5aa5fed3",
	  "Mbed TLS" },
	{ "9b57c16954c41b14aaf3c1c32928f4d400543507bcb264a7bf12f9e17e2d9b10",
	  "Mbed TLS" },
	{ "9f70d43396abb4b164ebb3415d2f4e5430cfc2f560bd7909b8634424139bb7a2",
	  "Mbed TLS" },
	{ "c9af85bb77cb430f57ee1012b3af2aaebe8ae7263a618f19236a09b686e5b615",
	  "Mbed TLS" },
	{ "d6a5d0b3c94857d0a42032fc9ccc3dc8056403d6c893298f99541972238986f8",
	  "Mbed TLS" },
	{ "171349923b709500bee59c838b58a8f8233feb55c62b6c660c31cf4ee284462f",
	  "OpenSSL" },
	{ "25eec4ddd628fd5e72aa14ad2a894cb91272852bfcae48ac193656ba350f6e40",
	  "OpenSSL" },
	{ "32620d7d2ae52c11db7cc95e333e585c2552abe20da6bd5169c010fedfa4c73e",
	  "OpenSSL" },
	{ "54da0df6070851127a23e00c2836e3dd2c6b3b78f650ce690442a0243fde31bd",
	  "OpenSSL" },
	{ "bb6a6abd969e3ffb523c303fc951ee4ee56349d8f86f52d3386adae5cd4db004",
	  "OpenSSL" },
	{ "c069f7ebcd214901cd196cdfd4f785ffe3d646506217f790aee51576eef363de",
	  "OpenSSL" },
	{ "d5ad6f88cf914734f625ce2fb886c81e249e11a598554089f8bb4299d7ed681f",
	  "OpenSSL" },
	{ "46221ced944bffdd6c2cf65e791eb3157f71f7d2e06ba9097208003309a238c5",
	  "systemd.netdev(5)" },
	{ "921da1b27f6a2edf789353705cfeb680df32603682c3f6cf2dc2193f7206d394",
	  "wg-quick(8)" },
	{ "fc304070d09d5a0d0fe8481eca82e6c0316b6fae8d138ae9ee82c3ac4791bef9",
	  "wg(8)" },
};

const char *published_key(const struct sha256 *digest)
{
	char hex[SHA256_HEX_LEN];

	sha256_format(digest, hex);
	for (size_t i = 0; i < ARRAY_LEN(published); i++)
		if (strcmp(published[i].digest, hex) == 0)
			return published[i].where;
	return NULL;
}
