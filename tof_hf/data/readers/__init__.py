"""Files of any form to rows of one form."""
