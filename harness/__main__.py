# SPDX-License-Identifier: GPL-2.0
"""``python -m harness VERB``."""

import sys

from harness.cli import main

sys.exit(main())
