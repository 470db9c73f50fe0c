"""A custodian: a facility that holds records for patients, answers readers and anchors roots."""
