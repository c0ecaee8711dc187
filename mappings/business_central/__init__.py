"""Microsoft Dynamics 365 Business Central: every wire entity its connector delivers, as canonical drafts.

`settings` is what an installation may declare, `masterdata`, `parties`, `documents` and `ledger` hold the mapping models with
what has to be decided about a whole record, `normaliser` puts them together. Facts about the product are cited where used:
AL source is microsoft/BCApps, live captures are of BC 25.4 and later.
"""

from mappings.business_central.normaliser import plugin
from mappings.business_central.settings import BusinessCentralMapping

__all__ = ["BusinessCentralMapping", "plugin"]
