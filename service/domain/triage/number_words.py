"""The number words a score may be given in, English and Spanish."""

NUMBER_WORDS = {
    word: value
    for value, words in enumerate(
        (
            "zero cero zip zilch nought naught cerito ceros",
            "one uno", "two dos", "three tres", "four cuatro", "five cinco",
            "six seis", "seven siete", "eight ocho", "nine nueve", "ten diez",
        )
    )
    for word in words.split()
}  # fmt: skip
