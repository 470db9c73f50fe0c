"""FHIR: validation of resources, and the mapping of grants, accesses and anchors to resources."""
