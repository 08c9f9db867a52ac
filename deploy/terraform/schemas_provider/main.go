// A provider that knows schemas alone: it answers validate and mocked tests, and plans or applies nothing. The
// schemas come from the file PROVIDER_SCHEMAS, as `terraform providers schema -json` lays them out.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type object struct {
	NestingMode string               `json:"nesting_mode"`
	Attributes  map[string]attribute `json:"attributes"`
}

type attribute struct {
	Type       json.RawMessage `json:"type"`
	NestedType *object         `json:"nested_type"`
	Required   bool            `json:"required"`
	Optional   bool            `json:"optional"`
	Computed   bool            `json:"computed"`
}

type block struct {
	Attributes map[string]attribute `json:"attributes"`
	BlockTypes map[string]struct {
		NestingMode string `json:"nesting_mode"`
		Block       block  `json:"block"`
	} `json:"block_types"`
}

type schema struct {
	Block block `json:"block"`
}

type schemas struct {
	Provider    schema            `json:"provider"`
	Resources   map[string]schema `json:"resource_schemas"`
	DataSources map[string]schema `json:"data_source_schemas"`
}

// provider answers what is below; anything else that is asked of it is a bug and panics.
type provider struct {
	tfprotov6.ProviderServer
	known schemas
}

var blockNesting = map[string]tfprotov6.SchemaNestedBlockNestingMode{
	"list":   tfprotov6.SchemaNestedBlockNestingModeList,
	"set":    tfprotov6.SchemaNestedBlockNestingModeSet,
	"single": tfprotov6.SchemaNestedBlockNestingModeSingle,
}

var objectNesting = map[string]tfprotov6.SchemaObjectNestingMode{
	"list":   tfprotov6.SchemaObjectNestingModeList,
	"set":    tfprotov6.SchemaObjectNestingModeSet,
	"single": tfprotov6.SchemaObjectNestingModeSingle,
}

func attributesOf(given map[string]attribute) []*tfprotov6.SchemaAttribute {
	var made []*tfprotov6.SchemaAttribute
	for name, one := range given {
		next := &tfprotov6.SchemaAttribute{Name: name, Required: one.Required, Optional: one.Optional, Computed: one.Computed}
		if one.NestedType != nil {
			next.NestedType = &tfprotov6.SchemaObject{
				Attributes: attributesOf(one.NestedType.Attributes), Nesting: objectNesting[one.NestedType.NestingMode]}
		} else {
			kind, err := tftypes.ParseJSONType(one.Type) //nolint:staticcheck
			if err != nil {
				fail(fmt.Errorf("attribute %s: %w", name, err))
			}
			next.Type = kind
		}
		made = append(made, next)
	}
	return made
}

func blockOf(given block) *tfprotov6.SchemaBlock {
	made := &tfprotov6.SchemaBlock{Attributes: attributesOf(given.Attributes)}
	for name, one := range given.BlockTypes {
		made.BlockTypes = append(made.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: name, Nesting: blockNesting[one.NestingMode], Block: blockOf(one.Block)})
	}
	return made
}

func schemasOf(given map[string]schema) map[string]*tfprotov6.Schema {
	made := map[string]*tfprotov6.Schema{}
	for name, one := range given {
		made[name] = &tfprotov6.Schema{Block: blockOf(one.Block)}
	}
	return made
}

func (p *provider) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return &tfprotov6.GetProviderSchemaResponse{
		Provider:          &tfprotov6.Schema{Block: blockOf(p.known.Provider.Block)},
		ResourceSchemas:   schemasOf(p.known.Resources),
		DataSourceSchemas: schemasOf(p.known.DataSources),
	}, nil
}

func (p *provider) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (p *provider) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	return &tfprotov6.GetMetadataResponse{}, nil
}

func (p *provider) ValidateProviderConfig(_ context.Context, asked *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: asked.Config}, nil
}

func (p *provider) ConfigureProvider(context.Context, *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (p *provider) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func (p *provider) ValidateResourceConfig(context.Context, *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (p *provider) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

func (p *provider) UpgradeResourceState(_ context.Context, asked *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	kind := (&tfprotov6.Schema{Block: blockOf(p.known.Resources[asked.TypeName].Block)}).ValueType()
	state, err := asked.RawState.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	value, err := tfprotov6.NewDynamicValue(kind, state)
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &value}, err
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "schemas_provider:", err)
	os.Exit(1)
}

func main() {
	text, err := os.ReadFile(os.Getenv("PROVIDER_SCHEMAS"))
	if err != nil {
		fail(fmt.Errorf("%w; set PROVIDER_SCHEMAS to the file of schemas", err))
	}
	made := &provider{}
	if err := json.Unmarshal(text, &made.known); err != nil {
		fail(err)
	}
	if err := tf6server.Serve("weir/weir/schemas", func() tfprotov6.ProviderServer { return made }); err != nil {
		fail(err)
	}
}
