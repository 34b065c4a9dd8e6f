# SPDX-License-Identifier: GPL-2.0
"""``python -m llamux VERB``."""

import sys

from llamux.cli import main

sys.exit(main())
