import sys

from aelab import cli

sys.exit(cli.main())
