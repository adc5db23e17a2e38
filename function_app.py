"""The function app: registers the blueprints, nothing else. Bad settings stop it here, with a sentence for each."""

import azure.functions as func

from functions import (
    applications,
    audits,
    cases,
    conflicts,
    enrolments,
    imports,
    job_search,
    partners,
    placements,
    positions,
    privacy,
    refunds,
    reports,
    screening,
    service,
    staff,
    support,
    timers,
    webhooks,
)  # fmt: skip
from shared import bootstrap

bootstrap.settings()

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for noun in (
    applications,
    cases,
    screening,
    enrolments,
    job_search,
    imports,
    partners,
    placements,
    positions,
    refunds,
    privacy,
    conflicts,
    webhooks,
    audits,
    reports,
    service,
    staff,
    support,
    timers,
):
    app.register_functions(noun.bp)
