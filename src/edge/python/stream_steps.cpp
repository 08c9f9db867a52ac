#include "edge/python/stream_steps.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cleaning/terminals.h"
#include "core/model/bundle.h"
#include "core/streaming/keyed_steps.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace weir::python {
namespace {

using Files = std::map<std::string, nb::bytes>;

Bundle bundle_of(const Files& files, const std::string& source) {
  BundleFiles content;
  for (const auto& [name, bytes] : files) content[name] = {bytes.c_str(), bytes.size()};
  return parse_bundle(content, source);
}

nb::bytes bytes_of(std::string_view text) { return nb::bytes(text.data(), text.size()); }

std::string_view view_of(const nb::bytes& bytes) { return {bytes.c_str(), bytes.size()}; }

std::vector<std::string_view> views_of(const std::vector<nb::bytes>& list) {
  std::vector<std::string_view> views;
  views.reserve(list.size());
  for (const nb::bytes& bytes : list) views.push_back(view_of(bytes));
  return views;
}

CleaningConfig config_of(const std::optional<std::string>& terminals) {
  CleaningConfig config;
  if (terminals) config.terminals = TerminalSet::parse(*terminals, "terminals");
  return config;
}

nb::tuple tuple_of(const Parcel& parcel) {
  return nb::make_tuple(parcel.terminal_id, parcel.customer_id, bytes_of(parcel.bytes));
}

nb::tuple read(ParcelReader& reader,
               const std::optional<nb::bytes>& value,
               const std::optional<nb::bytes>& schema,
               int partition,
               std::int64_t offset,
               Seconds logged_at) {
  Event event;
  if (value) event.value = view_of(*value);
  if (schema) event.schema = view_of(*schema);
  event.logged_at = logged_at;
  return tuple_of(reader.read(event, partition, offset));
}

nb::tuple run_terminal(TerminalStep& step,
                       std::int64_t terminal_id,
                       const nb::bytes& state,
                       const std::vector<nb::bytes>& parcels) {
  std::string bytes(view_of(state));
  nb::list passed;
  for (const Parcel& parcel : step.run(terminal_id, bytes, views_of(parcels))) {
    passed.append(tuple_of(parcel));
  }
  return nb::make_tuple(bytes_of(bytes), passed);
}

nb::tuple run_customer(CustomerStep& step,
                       std::int64_t customer_id,
                       const nb::bytes& state,
                       const std::vector<nb::bytes>& parcels) {
  std::string bytes(view_of(state));
  nb::list outputs;
  for (const StreamOutput& output : step.run(customer_id, bytes, views_of(parcels))) {
    nb::list headers;
    for (const auto& [name, value] : output.headers) {
      headers.append(nb::make_tuple(name, bytes_of(value)));
    }
    outputs.append(
        nb::make_tuple(output.is_reject, bytes_of(output.key), bytes_of(output.value), headers));
  }
  return nb::make_tuple(bytes_of(bytes), outputs);
}

}  // namespace

void bind_stream_steps(nb::module_& module) {
  nb::class_<ParcelReader>(module, "ParcelReader")
      .def(
          "__init__",
          [](ParcelReader* self, const std::optional<std::string>& terminals) {
            new (self) ParcelReader(config_of(terminals));
          },
          "terminals"_a.none())
      .def("read", &read, "value"_a.none(), "schema"_a.none(), "partition"_a, "offset"_a,
           "logged_at"_a);
  nb::class_<TerminalStep>(module, "TerminalStep")
      .def(
          "__init__",
          [](TerminalStep* self, const Files& files, const std::string& source) {
            new (self) TerminalStep(bundle_of(files, source));
          },
          "files"_a, "source"_a)
      .def("run", &run_terminal, "terminal_id"_a, "state"_a, "parcels"_a);
  nb::class_<CustomerStep>(module, "CustomerStep")
      .def(
          "__init__",
          [](CustomerStep* self, const Files& files, const std::string& source, bool reasons) {
            new (self) CustomerStep(bundle_of(files, source), reasons);
          },
          "files"_a, "source"_a, "reasons"_a)
      .def("run", &run_customer, "customer_id"_a, "state"_a, "parcels"_a);
}

}  // namespace weir::python
