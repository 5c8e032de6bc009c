/* SPDX-License-Identifier: Apache-2.0 */
#include "common/opt.h"

int main(int argc, char **argv)
{
	static const struct program program = { .purpose = "not built yet" };

	return program_main(&program, argc, argv);
}
