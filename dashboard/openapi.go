package dashboard

import (
	_ "embed"
	"net/http"

	"github.com/labstack/echo/v4"
)

// openAPI describes what programs may ask (OpenAPI 3.1). It is written by hand, and a test holds it to the handlers.
//
//go:embed openapi.yaml
var openAPI []byte

// openAPIPath is where the description is served, to everybody: it says nothing about an installation.
const openAPIPath = "/api/openapi.yaml"

func (d *Dashboard) registerOpenAPI(e *echo.Echo) {
	e.GET(openAPIPath, func(c echo.Context) error {
		allowOrigins(c.Response())
		c.Response().Header().Set("X-Content-Type-Options", "nosniff")
		return c.Blob(http.StatusOK, "application/yaml", openAPI)
	})
}
