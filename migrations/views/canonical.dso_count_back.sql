-- Months newest first. The month of the as-of date counts up to that date; a month of net credit passes and exhausts nothing.
-- Null: the receivable is larger than all known sales, so any number would be too low.
CREATE FUNCTION canonical.dso_count_back(receivable numeric, ledger_date date, months date[], sales numeric[])
RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    rest numeric := receivable;
    month_end date;
BEGIN
    IF rest <= 0 THEN
        RETURN 0;
    END IF;
    FOR i IN 1 .. coalesce(cardinality(months), 0) LOOP
        CONTINUE WHEN sales[i] IS NULL OR sales[i] <= 0;
        IF sales[i] > rest THEN
            month_end := least(ledger_date, (months[i] + interval '1 month')::date - 1);
            RETURN (ledger_date - month_end) + rest / sales[i] * (month_end - months[i] + 1);
        END IF;
        rest := rest - sales[i];
        IF rest = 0 THEN
            RETURN ledger_date - months[i] + 1;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION canonical.dso_count_back(numeric, date, date[], numeric[]) IS 'Count-back DSO over calendar months, newest first; null when the receivable exceeds all known sales (insufficient history).';
