{application, 'cowboy', [
	{description, "Small, fast, modern HTTP server."},
	{vsn, "2.7.0"},
	{modules, ['cowboy']}
]}.
