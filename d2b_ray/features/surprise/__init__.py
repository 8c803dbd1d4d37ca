"""How much of a surprise each word is to a language model, and how open what comes next was."""
