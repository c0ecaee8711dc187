"""Names and numbers that real ledgers have: apostrophes, ampersands, leading zeros, plus signs, blanks."""

COMPANY_FIRST = (
    "Adatum", "Alpine Ski House", "Baldwin & Co", "Brannigan's", "Cannon Group", "Castlewood", "Deerfield Graphics",
    "Elkhorn", "Fabrikam", "Fourth Coffee", "Gagn & Gaman", "Graphic Design Inst.", "HANSEN & SOEN", "Heimilisprydi",
    "Kinnareds Möbler", "Lamna Healthcare", "London Candoxy", "Metaal 'De Zaag'", "Northwind", "O'Malley", "Proseware",
    "Relecloud", "School of Fine Art", "Selangorian", "Stanfords", "Tailspin", "Trey Research", "VanArsdel", "Wide World",
    "Ångström",
)  # fmt: skip
COMPANY_LAST = (
    "Ltd", "PLC", "Trading", "& Sons", "Logistics", "Retail", "Holdings", "Services", "Workshop", "Import/Export", "GmbH",
    "A/S",
)  # fmt: skip
FIRST_NAMES = (
    "Andy", "Robert", "Helen", "Mary Ann", "Zoë", "Søren", "Ian", "Priya", "Chase", "Mikael", "Fatima", "Renée", "Tom",
    "Ulrika", "José", "Karin", "Dev", "Olga",
)  # fmt: skip
LAST_NAMES = (
    "Teal", "Townes", "Ray", "O'Brien", "van der Berg", "Kjær", "Whitman", "Nuñez", "Sandberg", "Smith-Jones", "Iyer",
    "Lund", "MacLeod", "Petrov", "Ekström", "Hughes",
)  # fmt: skip
TITLES = (
    "CFO", "cfo", "Accounts Payable", "accounts payable ", "AP Clerk", "Finance Manager", "Finance  Manager", "Owner",
    "Purchasing Manager", "Managing Director", "", "", "ocSalesOrServicesRevenues",
)  # fmt: skip
CITIES = (
    ("London", "GB", "N12 5XY"), ("Coventry", "GB", "CV6 1GY"), ("Odense", "DK", "5000"), ("Hamburg", "DE", "20097"),
    ("Chicago", "US", "61236"), ("Lyon", "FR", "69002"),
)  # fmt: skip
ODD_NUMBERS = ("01121212", "#1303", "+917796636577", "K-00042")
GROUPS = (
    ("SIZE", "By size", "Begin-Total", False, 0),
    ("SMALL", "Small businesses", "Standard", False, 1),
    ("MEDIUM", "Medium businesses", "Standard", False, 1),
    ("LARGE", "Large businesses", "Standard", False, 1),
    ("SIZE-END", "By size, total", "End-Total", False, 0),
    ("OTHER", "Other customers", "Heading", False, 0),
    ("PRIVATE", "Private persons", "Standard", False, 1),
    ("INTERCOMPANY", "Our own companies", "Standard", False, 1),
    ("INSTITUTION", "Institutions", "Standard", False, 1),
    ("LEGACY", "Before the merger", "Standard", True, 1),
)
AREAS = (("30", "Europe North"), ("40", "Europe South"), ("70", "America North"))
DEPARTMENTS = (("ADM", "Administration"), ("PROD", "Production"), ("SALES", "Sales"))
ITEMS = (
    ("1896-S", "ATHENS Desk"), ("1900-S", "PARIS Guest Chair, black"), ("1906-S", "ATHENS Mobile Pedestal"),
    ("1936-S", "BERLIN Guest Chair, yellow"), ("1996-S", "ATLANTA Whiteboard, base"), ("2000-S", "SYDNEY Swivel Chair"),
)  # fmt: skip
