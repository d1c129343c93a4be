package = "shop"
