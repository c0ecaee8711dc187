"""The tables of SuiteQL that the simulator has, with the kind of each column: id, text, number, day, stamp (UTC)."""

from __future__ import annotations

from typing import Final

_TABLES: Final = {
    "subsidiary": "id:id name fullname parent:id currency:id country iselimination isinactive legalname lastmodifieddate:stamp",
    "currency": "id:id name symbol displaysymbol currencyprecision:id isbasecurrency exchangerate:number isinactive",
    "term": "id:id name daysuntilnetdue:id isinactive",
    "department": "id:id name fullname parent:id isinactive lastmodifieddate:stamp",
    "classification": "id:id name fullname parent:id isinactive lastmodifieddate:stamp",
    "location": "id:id name fullname parent:id isinactive lastmodifieddate:stamp",
    "customercategory": "id:id name isinactive",
    "employee": "id:id entityid firstname lastname email title supervisor:id issalesrep isinactive datecreated:stamp lastmodifieddate:stamp",
    "customer": "id:id entityid altname companyname isperson firstname lastname email altemail phone url parent:id salesrep:id currency:id terms:id "
    "category:id creditlimit:number balancesearch:number overduebalancesearch:number consolbalancesearch:number isinactive searchstage externalid "
    "language vatregnumber defaultbillingaddress:id datecreated:stamp lastmodifieddate:stamp custentity_region:id custentity_dunning custentity_mail",
    "customlist_region": "id:id name isinactive",
    "customersubsidiaryrelationship": "id:id entity:id subsidiary:id isprimarysub",
    "customeraddressbook": "id:id entity:id label defaultbilling defaultshipping addressbookaddress:id",
    "entityaddress": "nkey:id addressee attention addr1 addr2 addr3 city state zip country lastmodifieddate:stamp",
    "job": "id:id entityid companyname customer:id parent:id email currency:id isinactive externalid datecreated:stamp lastmodifieddate:stamp",
    "contact": "id:id entityid firstname lastname title email phone mobilephone company:id isinactive isprivate datecreated:stamp lastmodifieddate:stamp",
    "companycontactrelationship": "contact:id company:id role:id",
    "account": "id:id acctnumber accttype isinactive",
    "accountingbook": "id:id name isprimary",
    "transaction": "id:id tranid transactionnumber externalid type recordtype entity:id trandate:day duedate:day closedate:day createddate:stamp "
    "lastmodifieddate:stamp currency:id exchangerate:number foreigntotal:number foreignamountpaid:number foreignamountunpaid:number "
    "foreignpaymentamountused:number foreignpaymentamountunused:number status posting voided approvalstatus:id memo otherrefnum terms:id employee:id "
    "custbody_portal",
    "transactionline": "uniquekey:id transaction:id id:id linesequencenumber:id mainline taxline iscogs assemblycomponent item:id memo quantity:number "
    "rate:number netamount:number foreignamount:number foreignamountpaid:number foreignamountunpaid:number foreignpaymentamountused:number "
    "foreignpaymentamountunused:number subsidiary:id department:id class:id location:id entity:id createdfrom:id linelastmodifieddate:stamp",
    "transactionaccountingline": "transaction:id transactionline:id accountingbook:id account:id amount:number amountunpaid:number paymentamountunused:number",
    "nexttransactionlinelink": "previousdoc:id previousline:id previoustype nextdoc:id nextline:id nexttype linktype "
    "foreignamount:number lastmodifieddate:stamp",
    "installment": "transaction:id installmentnumber:id duedate:day amount:number amountremaining:number",
    "deletedrecord": "recordid:id recordtypeid:id name type scriptid context deletedby:id deleteddate:stamp iscustomrecord",
}
TABLES: dict[str, dict[str, str]] = {
    table: {name: kind or "text" for name, _, kind in (column.partition(":") for column in columns.split())}
    for table, columns in _TABLES.items()
}
"""Table -> column -> kind."""
FEATURES = {
    "oneworld": ("subsidiary", "customersubsidiaryrelationship"),
    "departments": ("department",),
    "classes": ("classification",),
    "locations": ("location",),
    "projects": ("job",),
    "installments": ("installment",),
    "multibook": ("accountingbook",),
}
"""Features whose tables are not there while they are off."""
RECORDS = {
    "CustInvc": "invoice",
    "CustCred": "creditmemo",
    "CustPymt": "customerpayment",
    "CustDep": "customerdeposit",
    "DepAppl": "depositapplication",
    "CustRfnd": "customerrefund",
    "CashSale": "cashsale",
    "Journal": "journalentry",
}
"""Type letters of a transaction -> its record type."""
_AFFINITY = {"id": "INTEGER", "number": "NUMERIC"}
_INDEXES = {
    "transactionline": ("transaction",),
    "nexttransactionlinelink": ("previousdoc", "nextdoc"),
    "transactionaccountingline": ("transaction",),
}


def statements() -> list[str]:
    """What makes the tables in SQLite."""
    made = []
    for table, columns in TABLES.items():
        written = ", ".join(
            f'"{name}" {_AFFINITY.get(kind, "TEXT")}{" PRIMARY KEY" if name == "id" and table != "transactionline" else ""}'
            for name, kind in columns.items()
        )
        made.append(f'CREATE TABLE "{table}" ({written})')
        made += [f'CREATE INDEX "{table}_{name}" ON "{table}" ("{name}")' for name in _INDEXES.get(table, ())]
    return made
