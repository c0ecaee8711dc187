#!/usr/bin/env bash
# phonenumbers.parse reads the word behind a number as keypad digits, and calls the result valid.
#
# Contact cards hold "+43 316 123456 Fax". parse() turns F-a-x into 329: +43316123456329, and is_valid_number agrees, since Austrian
# numbers may be long; in Denmark the same makes the number invalid. PhoneNumberMatcher, made for free text, finds the number alone in
# both. So a phone column is free text, whatever it is called.
# Seen with phonenumberslite 9.0.42 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check phonenumberslite==9.0.42
cd "$folder"
cat > look.py <<'PYTHON'
import phonenumbers

E164 = phonenumbers.PhoneNumberFormat.E164


def look(text, region):
    number = phonenumbers.parse(text, region)
    found = [phonenumbers.format_number(match.number, E164) for match in phonenumbers.PhoneNumberMatcher(text, region)]
    return phonenumbers.format_number(number, E164), phonenumbers.is_valid_number(number), found


austrian, danish = look("+43 316 123456 Fax", "AT"), look("+45 33 12 34 56 Fax", "DK")
for seen in (austrian, danish):
    print("parse {}, valid {}, matcher {}".format(*seen))
assert austrian == ("+43316123456329", True, ["+43316123456"])
assert danish == ("+4533123456329", False, ["+4533123456"])
PYTHON
venv/bin/python look.py
