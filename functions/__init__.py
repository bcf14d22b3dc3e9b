"""One folder per Lambda, named by its verb. Handlers parse, call the library, answer."""
