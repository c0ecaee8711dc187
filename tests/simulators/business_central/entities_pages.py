"""Pages that an installation publishes: ledger entries, customer cards and contacts as ODataV4 shows them."""

from decimal import Decimal

from tests.simulators.business_central.entities_ledger import (
    ACCOUNT_TYPES,
    DOCUMENT_TYPES,
    blank,
    credit,
    debit,
    entries_in_order,
    owner,
)
from tests.simulators.business_central.schema import (
    EntitySet,
    amount,
    day,
    flag,
    option,
    text,
    whole,
)

# Published pages: dots and parentheses go, a space becomes an underscore. Key Entry_No, no SystemModifiedAt.
LEDGER_PAGE = EntitySet(
    "Cust_LedgerEntries",
    "Cust_LedgerEntries",
    (
        whole("Entry_No", "entry_no"),
        day("Posting_Date", "posting_date"),
        day("Document_Date", "document_date"),
        option("Document_Type", "document_type", DOCUMENT_TYPES),
        text("Document_No", "document_no"),
        text("Customer_No", owner("number")),
        text("Customer_Name", owner("name")),
        text("Description", "description"),
        text("Global_Dimension_1_Code", "shortcut_dimension1"),
        text("Global_Dimension_2_Code", "shortcut_dimension2"),
        text("Salesperson_Code", "salesperson_code"),
        text("Currency_Code", "currency_code"),
        amount("Original_Amount", "amount"),
        amount("Original_Amt_LCY", "amount_lcy"),
        amount("Amount", "amount"),
        amount("Amount_LCY", "amount_lcy"),
        amount("Debit_Amount", debit("amount")),
        amount("Debit_Amount_LCY", debit("amount_lcy")),
        amount("Credit_Amount", credit("amount")),
        amount("Credit_Amount_LCY", credit("amount_lcy")),
        amount("Remaining_Amount", "remaining"),
        amount("Remaining_Amt_LCY", "remaining_lcy"),
        text("Customer_Posting_Group", lambda c, row: "DOMESTIC"),
        amount("Sales_LCY", "sales_lcy"),
        option("Bal_Account_Type", lambda c, row: "G/L Account", ACCOUNT_TYPES),
        text("Bal_Account_No", blank),
        day("Due_Date", "due_date"),
        day("Promised_Pay_Date", "promised_pay_date", since=25),
        day("Pmt_Discount_Date", lambda c, row: None),
        amount("Original_Pmt_Disc_Possible", lambda c, row: 0),
        amount("Remaining_Pmt_Disc_Possible", lambda c, row: 0),
        text("Payment_Method_Code", blank),
        flag("Open", "open"),
        day("Closed_at_Date", "closed_on"),
        text("Dispute_Status", "dispute_status", since=25),
        text("On_Hold", "on_hold"),
        text("User_ID", lambda c, row: "ADMIN"),
        text("Source_Code", "source_code"),
        text("Reason_Code", "reason_code"),
        flag("Reversed", "reversed"),
        whole("Reversed_by_Entry_No", lambda c, row: 0),
        whole("Reversed_Entry_No", lambda c, row: 0),
        whole("Transaction_No", "transaction_no"),
        whole("Dimension_Set_ID", lambda c, row: 0),
        text("External_Document_No", "external_document_no"),
        text("Your_Reference", "your_reference"),
        text("RecipientBankAccount", blank),
        *(text(f"Shortcut_Dimension_{n}_Code", blank) for n in range(3, 9)),
    ),
    rows=entries_in_order,
    key="Entry_No",
    permission="21 Cust. Ledger Entry",
)
CUSTOMER_CARD = EntitySet(
    "Customer_Card",
    "Customer_Card",
    (
        text("No", "number"),
        text("Name", "name"),
        option("Blocked", "blocked", (" ", "Ship", "Invoice", "All")),
        text(
            "Bill_to_Customer_No",
            lambda c, row: c.customers[row.bill_to_id].number if row.bill_to_id in c.customers else "",
        ),
        text("IC_Partner_Code", "intercompany"),
        text("Currency_Code", "currency_code"),
        amount(
            "Balance_LCY",
            lambda c, row: sum((x.remaining_lcy for x in c.entries_of.get(row.id, [])), Decimal(0)),
        ),
        amount("Credit_Limit_LCY", "credit_limit"),
        text("Salesperson_Code", "salesperson_code"),
        text("E_Mail", "email"),
        text("Language_Code", blank),
        day("Last_Date_Modified", lambda c, row: row.modified_at.date() if row.modified_at else None),
    ),
    rows=lambda c, _: sorted(c.customers.values(), key=lambda x: x.number),
    key="No",
    permission="18 Customer",
)
CONTACT_LIST = EntitySet(
    "Contact_List",
    "Contact_List",
    (
        text("No", "number"),
        option("Type", "type", ("Company", "Person")),
        text("Name", "name"),
        text(
            "Company_No",
            lambda c, row: (
                row.number
                if row.type == "Company"
                else c.contacts[row.company_id].number
                if row.company_id in c.contacts
                else ""
            ),
        ),
        text(
            "Company_Name",
            lambda c, row: (
                row.name
                if row.type == "Company"
                else c.contacts[row.company_id].name
                if row.company_id in c.contacts
                else ""
            ),
        ),
        text("Job_Title", "job_title"),
        text("Phone_No", "phone"),
        text("Mobile_Phone_No", "mobile"),
        text("E_Mail", "email"),
        flag("Privacy_Blocked", "privacy_blocked"),
    ),
    rows=lambda c, _: sorted(c.contacts.values(), key=lambda x: x.number),
    key="No",
    permission="5050 Contact",
)
