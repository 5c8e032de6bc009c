/*
 * tuf-js as a client of ours, for 42: refresh from the server and download
 * every target that is named.
 *
 *	node tuf_js.js MODULES METADATA-DIR TARGET-DIR METADATA-URL TARGET-URL
 *		CERTIFICATE KEY TARGET...
 */
'use strict';
const fs = require('fs');
const https = require('https');
const path = require('path');

const [modules, metadataDir, targetDir, metadataBaseUrl, targetBaseUrl,
       certificate, key, ...targets] = process.argv.slice(2);
const tuf = require(path.join(modules, 'node_modules/tuf-js'));
const { DownloadHTTPError } =
	require(path.join(modules, 'node_modules/tuf-js/dist/error'));

/* tuf-js' own does without client certificates, which payloads need here. */
class Fetcher extends tuf.BaseFetcher {
	constructor() {
		super();
		this.agent = new https.Agent({
			keepAlive: false,
			cert: fs.readFileSync(certificate),
			key: fs.readFileSync(key),
		});
	}

	fetch(url) {
		return new Promise((resolve, reject) => {
			https.get(url, { agent: this.agent }, (answer) => {
				if (answer.statusCode === 200) {
					resolve(answer);
					return;
				}
				answer.resume();
				reject(new DownloadHTTPError(
					url, answer.statusCode));
			}).on('error', reject);
		});
	}
}

async function main() {
	const updater = new tuf.Updater({
		metadataDir, metadataBaseUrl, targetDir, targetBaseUrl,
		fetcher: new Fetcher(),
	});

	await updater.refresh();
	for (const name of targets) {
		const info = await updater.getTargetInfo(name);

		if (!info)
			throw new Error(name + ': not found');
		const file = path.join(targetDir, name.replace(/\//g, '_'));
		await updater.downloadTarget(info, file);
		console.log(name + ' ' + info.length);
	}
	const root = JSON.parse(fs.readFileSync(
		path.join(metadataDir, 'root.json')));
	console.log('root ' + root.signed.version);
}

main().catch((e) => {
	console.error(String(e && e.stack || e));
	process.exit(1);
});
