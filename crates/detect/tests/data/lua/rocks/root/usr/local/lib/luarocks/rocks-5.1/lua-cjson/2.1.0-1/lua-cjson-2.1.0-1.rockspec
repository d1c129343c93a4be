package = os.getenv("NAME")
