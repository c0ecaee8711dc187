-- Sources that keep nobody's books, such as a CRM over several companies and the inbox: what they say is seen with the debtor it is about.
CREATE FUNCTION engine.sources_of_no_company()
RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
SELECT ARRAY(SELECT s.source FROM engine.source s WHERE NOT EXISTS (SELECT FROM canonical.company c WHERE c.source = s.source))
$$;
