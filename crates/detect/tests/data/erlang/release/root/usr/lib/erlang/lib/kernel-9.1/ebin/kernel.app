{application, kernel, [{vsn, "9.1"}]}.
