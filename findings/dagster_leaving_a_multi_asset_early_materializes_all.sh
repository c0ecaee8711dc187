#!/usr/bin/env bash
# Dagster reports assets as materialized that a multi_asset never yielded, when its generator simply returns.
#
# A pull of three sets stops after the first (a break, a return in a loop). With specs, the two that were not yielded count as
# materialized and the run succeeds: downstream runs on what was not read. With skippable=True on the specs the same body
# materializes the first one only. Raising does as well.
# Seen with dagster 1.13.27 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dagster==1.13.27
cd "$folder"
cat > look.py <<'PYTHON'
import dagster as dg


def materialized(**options):
    @dg.multi_asset(specs=[dg.AssetSpec(name, **options) for name in ("customers", "invoices", "payments")])
    def pull():
        for name in ("customers", "invoices", "payments"):
            yield dg.MaterializeResult(name)
            return  # the network went away

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([pull], instance=instance, raise_on_error=False)
        return result.success, [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()]


plain, skippable = materialized(), materialized(skippable=True)
print(f"plain {plain}; skippable {skippable}")
assert plain == (True, ["customers", "invoices", "payments"])
assert skippable == (True, ["customers"])
PYTHON
venv/bin/python look.py
