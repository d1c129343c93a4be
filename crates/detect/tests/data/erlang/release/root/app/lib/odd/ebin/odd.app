{application, odd, [{vsn, git}]}.
