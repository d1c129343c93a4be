module example.org/shop

go 1.17

require golang.org/x/text v0.3.5 // indirect

require (
	github.com/gin-gonic/gin v1.6.0
	example.org/old v1.0.0
	example.org/local v1.0.0
)

replace (
	example.org/old => example.org/new v1.2.0
	example.org/local => ../local
)
replace golang.org/x/text v0.3.4 => golang.org/x/text v0.3.8
exclude example.org/never v1.0.0
