// Which routes of the desk are for which roles, and how each report can be had. JSON but for this comment and the
// export, so that a test can hold it against the service's own tables.

export default {
  "routes": {
    "GET work-queue": ["specialist", "admissions", "careers", "finance"],
    "POST case-searches": ["specialist", "admissions", "careers", "finance"],
    "GET early-risk": ["careers"],
    "GET cases/{case_id}": ["specialist", "admissions", "careers", "finance", "auditor"],
    "GET audits": ["auditor", "admin"],
    "POST link-revocations": ["admin"],
    "POST staff-revocations": ["admin"]
  },
  "reports": {
    "outcomes": {"roles": ["auditor", "admin", "careers", "finance"], "formats": ["html", "csv", "zip"], "only": {"zip": ["auditor"]},
                 "fields": [{"name": "intake", "kind": "text", "required": true, "max": 100, "hint": "hint.report_intake"}]},
    "refund-liability": {"roles": ["finance", "auditor", "admin"], "formats": ["html", "csv"], "fields": []},
    "payments": {"roles": ["finance", "auditor"], "formats": ["csv"],
                 "fields": [{"name": "month", "kind": "month", "hint": "hint.month"}]},
    "funnel": {"roles": ["admissions", "careers", "finance", "auditor", "admin"], "formats": ["html", "csv"],
               "fields": [{"name": "intake", "kind": "text", "max": 100, "hint": "hint.report_intake"}]}
  }
};
