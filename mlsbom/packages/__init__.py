"""Names, versions and specifiers of packages; feeds and look-alikes: everything behind `packages check`."""
