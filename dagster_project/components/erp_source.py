"""`ErpSource`: one installation of an ERP or CRM, one YAML, one lane of assets."""

from __future__ import annotations

import dagster as dg
from pydantic import BaseModel

from dagster_project.assets import lane_assets
from dagster_project.resources import runtime
from dagster_project.run_jobs import source_jobs
from dagster_project.stage_step import SOURCE_TAG
from dagster_project.webhook_sensor import waking_sensor
from sync_engine.config import SourceConfig, settings_of
from sync_engine.plugins import connector_plugin, mapping_plugin
from sync_engine.ports import ToldByWebhooks


class ErpSource(dg.Component, SourceConfig, dg.Resolvable):
    """One installation of an ERP or CRM: what it is called, how it is reached, what its data mean, when it is read.

    The fields are those of `sync_engine.config.SourceConfig`, so the command line and Dagster read the same YAML the same way.
    """

    @classmethod
    def model(cls) -> type[BaseModel]:
        """The YAML is the engine's own configuration, word for word."""
        return SourceConfig

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> ErpSource:
        """Takes values as they stand. Dagster would render each text as a template, which makes a number of the code "0100"."""
        return cls.model_validate(model.model_dump(exclude_unset=True))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Assets, checks, jobs and automation of the source. Asks no network and no database. Raises ConfigurationError."""
        config = SourceConfig.model_validate(self.model_dump())
        plugin = connector_plugin(self.connector)
        settings = settings_of(plugin.settings, self.connection, f"{self.source} connection")
        is_told = isinstance(plugin, ToldByWebhooks) and plugin.is_told(settings)
        settings_of(mapping_plugin(self.connector).settings, self.mapping, f"{self.source} mapping")
        sensors: list[dg.SensorDefinition] = [
            _automation(self.source),
            *([waking_sensor(config)] if is_told else []),
        ]
        return dg.Definitions(
            assets=lane_assets(config),
            jobs=source_jobs(config),
            sensors=sensors,
            resources={"runtime": runtime},
        )


def _automation(source: str) -> dg.AutomationConditionSensorDefinition:
    """One sensor a source: a shared one would put all sources into one run, and one ERP's outage would stop the others."""
    return dg.AutomationConditionSensorDefinition(
        f"{source}_automation",
        target=dg.AssetSelection.groups(source),
        default_status=dg.DefaultSensorStatus.RUNNING,
        run_tags={SOURCE_TAG: source},
        description=f"Runs {source} on its schedule, and what depends on an asset whenever that asset was renewed. Switch it off to stop the lane.",
    )
