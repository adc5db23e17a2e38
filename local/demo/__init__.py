"""A whole intake over HTTP, in simulated time: 60 people, three countries, from the form to the audit."""
