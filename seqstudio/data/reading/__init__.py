"""Files that people bring: texts in any encoding, tables. Reading only, nothing is learnt here."""
