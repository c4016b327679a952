from .checking import check as check
from .checking import check_file as check_file
from .report import Finding as Finding
from .report import Report as Report
