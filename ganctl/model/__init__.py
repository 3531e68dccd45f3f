"""Network families, one file each: a Generator and a Discriminator that share a word with their YAML files."""
