SELECT c.value FROM counter c WHERE c.name = 'overlay'
