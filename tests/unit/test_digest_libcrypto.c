/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/digest_cases.h"
