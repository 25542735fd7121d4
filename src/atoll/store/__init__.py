"""What is remembered: tables, one repository for each aggregate, migrations."""
