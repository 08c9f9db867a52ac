// weir._weir: the extension behind the Python package. Translates between Arrow tables and the
// core; holds no rule of its own.
#include <fmt/format.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <new>
#include <set>

#include "core/cleaning/json_row.h"
#include "core/cleaning/row_parser.h"
#include "core/evaluation/stability_index.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/nearest_name.h"
#include "edge/python/arrow_input.h"
#include "edge/python/arrow_output.h"
#include "edge/python/clean_table.h"
#include "edge/python/compare_tables.h"
#include "edge/python/model_tables.h"
#include "edge/python/stream_steps.h"
#include "edge/python/text_table.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace weir::python {
namespace {

constexpr const char* kStream = "arrow_array_stream";
constexpr const char* kSchema = "arrow_schema";
constexpr const char* kArray = "arrow_array";

template <typename Item>
Item* pointer_of(const nb::object& capsule, const char* name) {
  auto* item = static_cast<Item*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (item == nullptr) throw nb::python_error();
  return item;
}

/// Pulls a table out of anything with the Arrow PyCapsule interface.
ArrowTable read_table(const nb::object& source, const char* name) {
  if (nb::hasattr(source, "__arrow_c_stream__")) {
    const nb::object capsule = source.attr("__arrow_c_stream__")();
    auto* stream = pointer_of<ArrowArrayStream>(capsule, kStream);
    ArrowArrayStream taken = *stream;
    stream->release = nullptr;
    const nb::gil_scoped_release released;  // A stream made in Python takes it again by itself.
    return ArrowTable::read(taken, name);
  }
  if (nb::hasattr(source, "__arrow_c_array__")) {
    const nb::object pair = source.attr("__arrow_c_array__")();
    const nb::object schema = pair[0];
    const nb::object array = pair[1];
    return ArrowTable::take(*pointer_of<ArrowSchema>(schema, kSchema),
                            *pointer_of<ArrowArray>(array, kArray), name);
  }
  throw Error(fmt::format(
      "{} are {}, wanted an Arrow table: pyarrow, Polars, or anything with __arrow_c_stream__",
      name, nb::cast<std::string>(nb::str(source.type()))));
}

template <typename Item>
void release_capsule(PyObject* capsule, const char* name) {
  auto* item = static_cast<Item*>(PyCapsule_GetPointer(capsule, name));
  if (item->release != nullptr) item->release(item);
  delete item;
}

template <typename Item>
nb::object make_capsule(std::unique_ptr<Item> item, const char* name, PyCapsule_Destructor free) {
  PyObject* capsule = PyCapsule_New(item.get(), name, free);
  if (capsule == nullptr) throw nb::python_error();
  item.release();
  return nb::steal(capsule);
}

/// What Python holds of a result.
struct Table {
  std::shared_ptr<const TableOutput> output;
};

nb::object export_schema(const Table& table) {
  auto schema = std::make_unique<ArrowSchema>();
  table.output->export_schema(*schema);
  return make_capsule(std::move(schema), kSchema,
                      [](PyObject* capsule) { release_capsule<ArrowSchema>(capsule, kSchema); });
}

nb::object export_array(const Table& table) {
  auto array = std::make_unique<ArrowArray>();
  table.output->export_array(*array);
  return nb::make_tuple(export_schema(table),
                        make_capsule(std::move(array), kArray, [](PyObject* capsule) {
                          release_capsule<ArrowArray>(capsule, kArray);
                        }));
}

nb::object export_stream(const Table& table) {
  auto stream = std::make_unique<ArrowArrayStream>();
  python::export_stream(table.output, *stream);
  return make_capsule(std::move(stream), kStream, [](PyObject* capsule) {
    release_capsule<ArrowArrayStream>(capsule, kStream);
  });
}

std::set<Rule> rules_of(const std::vector<std::string>& ids) {
  std::set<Rule> rules;
  std::vector<std::string> known;
  for (const RuleText& text : rule_texts()) known.emplace_back(text.id);
  for (const std::string& id : ids) {
    const auto rule = find_rule(id);
    if (!rule) {
      throw UsageError(fmt::format("accept_rules \"{}\": no such rule; nearest is {}", id,
                                   nearest_name(id, known)));
    }
    rules.insert(*rule);
  }
  return rules;
}

CleaningConfig config_of(const std::optional<std::string>& terminals,
                         std::optional<Seconds> time_origin) {
  CleaningConfig config;
  if (terminals) config.terminals = TerminalSet::parse(*terminals, "terminals");
  config.time_origin = time_origin;
  return config;
}

ColumnNames names_of(const std::map<std::string, std::string>& columns) {
  std::vector<std::string> words;
  for (const auto& [field, name] : columns) words.push_back(field + "=" + name);
  return parse_column_names(words);
}

nb::tuple clean(const nb::object& payments,
                const std::map<std::string, std::string>& columns,
                const std::optional<std::string>& terminals,
                std::optional<Seconds> time_origin,
                const std::vector<std::string>& accept_rules) {
  const ArrowTable raw = read_table(payments, "payments");
  CleanedTable cleaned;
  {
    const nb::gil_scoped_release released;
    cleaned = clean_table(
        raw, {names_of(columns), config_of(terminals, time_origin), rules_of(accept_rules)});
  }
  return nb::make_tuple(Table{cleaned.payments}, Table{cleaned.rejects}, cleaned.report.to_json());
}

/// Cleans single rows of text.
class RowCleaner {
 public:
  RowCleaner(const std::optional<std::string>& header,
             const std::map<std::string, std::string>& columns,
             const std::optional<std::string>& terminals,
             std::optional<Seconds> time_origin)
      : config_(config_of(terminals, time_origin)) {
    if (header) layout_ = RowLayout::from_header(*header, names_of(columns), "header");
  }

  /// (True, (id, time, customer, terminal, amount, fraud, scenario, repaired)) or
  /// (False, (rule, field, value)).
  nb::tuple clean(const std::string& row) {
    const auto cleaned = layout_ ? clean_line(row, *layout_, config_) : json_.clean(row, config_);
    if (const auto* reject = std::get_if<Reject>(&cleaned)) {
      return nb::make_tuple(
          false,
          nb::make_tuple(std::string(rule_id(reject->rule)), std::string(field_name(reject->field)),
                         nb::bytes(reject->value.data(), reject->value.size())));
    }
    const auto& [payment, label, time_repaired] = std::get<CleanedPayment>(cleaned);
    return nb::make_tuple(
        true, nb::make_tuple(payment.transaction_id, payment.event_time, payment.customer_id,
                             payment.terminal_id, payment.amount_minor, label.is_fraud != 0,
                             int{label.fraud_scenario}, time_repaired));
  }

 private:
  CleaningConfig config_;
  std::optional<RowLayout> layout_;
  JsonRowParser json_;
};

/// (payments, rejects, lines, report)
nb::tuple clean_lines(TextFile& file, const nb::bytes& text, bool first) {
  std::string copy(text.c_str(), text.size());
  CleanedLines cleaned;
  {
    const nb::gil_scoped_release released;
    cleaned = file.clean(std::move(copy), first);
  }
  return nb::make_tuple(Table{cleaned.payments}, Table{cleaned.rejects}, cleaned.lines,
                        cleaned.report.to_json());
}

nb::tuple order(const nb::object& payments) {
  const ArrowTable table = read_table(payments, "payments");
  OrderedPayments ordered;
  {
    const nb::gil_scoped_release released;
    ordered = order_payments(table);
  }
  return nb::make_tuple(Table{ordered.payments}, ordered.report.to_json());
}

std::string add_reports(const std::vector<std::string>& reports) {
  std::optional<CleanReport> sum;
  for (const std::string& text : reports) {
    const CleanReport report = CleanReport::from_json(text, "report");
    if (sum) {
      *sum += report;
    } else {
      sum = report;
    }
  }
  if (!sum) throw UsageError("no report to add");
  return sum->to_json();
}

void check_report(const std::string& text, const std::vector<std::string>& accept_rules) {
  const CleanReport report = CleanReport::from_json(text, "report");
  check_fraud_eaters(report, rules_of(accept_rules));
  if (!report.balances()) {
    throw Error(
        "the cleaning report does not balance: in = clean + dropped + quarantined is "
        "broken, so rows were lost or counted twice\n" +
        report.to_table());
  }
}

FeatureSpec spec_of(const std::string& spec, const std::string& source) {
  return FeatureSpec::is_builtin(spec) || source.empty() ? FeatureSpec::builtin(spec)
                                                         : FeatureSpec::parse(spec, source);
}

Table features(const nb::object& payments,
               const std::string& spec,
               const std::string& source,
               Seconds label_delay,
               int threads) {
  const ArrowTable table = read_table(payments, "payments");
  const nb::gil_scoped_release released;
  return {feature_table(table, spec_of(spec, source), label_delay, threads)};
}

Table score(const Model& model, const nb::object& features, int threads) {
  const ArrowTable table = read_table(features, "features");
  const nb::gil_scoped_release released;
  return {model.score(table, threads)};
}

std::string evaluate(const nb::object& payments,
                     const nb::object& scores,
                     double false_positive_rate,
                     std::size_t cards,
                     int bootstrap,
                     std::uint64_t seed,
                     int threads) {
  const ArrowTable payment_table = read_table(payments, "payments");
  const ArrowTable score_table = read_table(scores, "scores");
  const nb::gil_scoped_release released;
  return evaluate_table(payment_table, score_table,
                        {false_positive_rate, cards, bootstrap, seed, threads});
}

std::string compare(const nb::object& payments,
                    const nb::object& champion,
                    const nb::object& challenger,
                    double relevant_gain,
                    std::size_t samples,
                    std::uint64_t seed) {
  const ArrowTable payment_table = read_table(payments, "payments");
  const ArrowTable champion_table = read_table(champion, "champion");
  const ArrowTable challenger_table = read_table(challenger, "challenger");
  const nb::gil_scoped_release released;
  weir::ComparisonOptions options;
  options.relevant_gain = relevant_gain;
  options.samples = samples;
  options.seed = seed;
  return compare_tables(payment_table, champion_table, challenger_table, options);
}

}  // namespace
}  // namespace weir::python

NB_MODULE(_weir, module) {
  using namespace weir::python;
  const nb::exception<weir::Error> error(module, "Error");
  const nb::exception<weir::UsageError> usage_error(module, "UsageError", error);
  module.attr("version") = WEIR_VERSION;

  nb::class_<Table>(module, "Table")
      .def_prop_ro("num_rows", [](const Table& table) { return table.output->rows(); })
      .def_prop_ro("column_names", [](const Table& table) { return table.output->column_names(); })
      .def("__len__", [](const Table& table) { return table.output->rows(); })
      .def("__repr__",
           [](const Table& table) {
             return fmt::format("weir.Table({} rows, {} columns)", table.output->rows(),
                                table.output->column_names().size());
           })
      .def("__arrow_c_schema__", &export_schema)
      .def(
          "__arrow_c_array__",
          [](const Table& table, const nb::object&) { return export_array(table); },
          "requested_schema"_a = nb::none())
      .def(
          "__arrow_c_stream__",
          [](const Table& table, const nb::object&) { return export_stream(table); },
          "requested_schema"_a = nb::none());

  nb::class_<RowCleaner>(module, "RowCleaner")
      .def(nb::init<const std::optional<std::string>&, const std::map<std::string, std::string>&,
                    const std::optional<std::string>&, std::optional<weir::Seconds>>(),
           "header"_a.none(), "columns"_a, "terminals"_a.none(), "time_origin"_a.none())
      .def("clean", &RowCleaner::clean, "row"_a);

  nb::class_<TextFile>(module, "TextFile")
      .def(
          "__init__",
          [](TextFile* self, const nb::bytes& head,
             const std::map<std::string, std::string>& columns,
             const std::optional<std::string>& terminals, std::optional<weir::Seconds> time_origin,
             const std::string& source) {
            new (self) TextFile({head.c_str(), head.size()}, names_of(columns),
                                config_of(terminals, time_origin), source);
          },
          "head"_a, "columns"_a, "terminals"_a.none(), "time_origin"_a.none(), "source"_a)
      .def_prop_ro("labelled", &TextFile::labelled)
      .def_prop_ro("time_origin", &TextFile::time_origin)
      .def("clean", &clean_lines, "text"_a, "first"_a);

  nb::class_<Model>(module, "Model")
      .def(
          "__init__",
          [](Model* self, const std::map<std::string, nb::bytes>& files,
             const std::string& source) {
            weir::BundleFiles content;
            for (const auto& [name, bytes] : files) {
              content[name] = std::string(bytes.c_str(), bytes.size());
            }
            new (self) Model(content, source);
          },
          "files"_a, "source"_a)
      .def("score", &score, "features"_a, "threads"_a)
      .def_prop_ro("name", [](const Model& m) { return m.bundle().manifest.name; })
      .def_prop_ro("version", [](const Model& m) { return m.bundle().manifest.version; })
      .def_prop_ro("fingerprint", [](const Model& m) { return m.bundle().features.fingerprint(); })
      .def_prop_ro("feature_names", [](const Model& m) { return m.bundle().features.names(); })
      .def_prop_ro("feature_spec", [](const Model& m) { return m.bundle().features.to_toml(); })
      .def_prop_ro("label_delay_seconds",
                   [](const Model& m) { return m.bundle().manifest.label_delay; })
      .def_prop_ro("card", [](const Model& m) { return m.bundle().card; });

  bind_stream_steps(module);

  module.def("clean", &clean, "payments"_a, "columns"_a, "terminals"_a.none(),
             "time_origin"_a.none(), "accept_rules"_a);
  module.def("order_payments", &order, "payments"_a);
  module.def("add_reports", &add_reports, "reports"_a);
  module.def("check_report", &check_report, "report"_a, "accept_rules"_a);
  module.def("stability_index",
             [](const std::vector<std::int64_t>& before, const std::vector<std::int64_t>& after) {
               return weir::population_stability_index(before, after);
             });
  module.def("spec_toml", [](const std::string& spec, const std::string& source) {
    return spec_of(spec, source).to_toml();
  });
  module.def("features", &features, "payments"_a, "spec"_a, "source"_a, "label_delay"_a,
             "threads"_a);
  module.def("evaluate", &evaluate, "payments"_a, "scores"_a, "false_positive_rate"_a, "cards"_a,
             "bootstrap"_a, "seed"_a, "threads"_a);
  module.def("compare", &compare, "payments"_a, "champion"_a, "challenger"_a, "relevant_gain"_a,
             "samples"_a, "seed"_a);
  module.def("parse_duration", [](const std::string& text) { return weir::parse_duration(text); });
  module.def("is_builtin_spec",
             [](const std::string& name) { return weir::FeatureSpec::is_builtin(name); });
}
