#include "cli/settings.h"

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>

#include "core/transaction/error.h"
#include "edge/config/settings.h"
#include "edge/files/staged.h"

namespace weir::cli {
namespace {

constexpr const char* kDefaultFile = "weir.toml";

/// `--label-delay` → `label_delay`.
std::string key_of(const std::string& long_name) {
  std::string key = long_name;
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

const CLI::App* find_command(const CLI::App& weir, const std::string& name) {
  for (const CLI::App* command : weir.get_subcommands({})) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

std::vector<config::SettingName> known_settings(const CLI::App& weir) {
  std::vector<config::SettingName> names;
  for (const CLI::App* command : weir.get_subcommands({})) {
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        if (name != "help") names.push_back({command->get_name(), key_of(name)});
      }
    }
  }
  return names;
}

/// Takes `--config FILE` or `--config=FILE` out of the arguments.
std::string take_config_file(std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].starts_with("--config=")) {
      std::string file = arguments[i].substr(9);
      arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(i));
      return file;
    }
    if (arguments[i] == "--config") {
      if (i + 1 == arguments.size()) throw UsageError("--config needs the name of a TOML file");
      std::string file = arguments[i + 1];
      arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(i),
                      arguments.begin() + static_cast<std::ptrdiff_t>(i) + 2);
      return file;
    }
  }
  return std::filesystem::exists(kDefaultFile) ? kDefaultFile : std::string();
}

constexpr std::string_view kReferenceHead = R"(# Settings

<!-- Made by `weir --settings-reference` (src/cli/settings.cpp); tests/test_reference.py compares. -->

Every long flag of every command is a setting. Order, the last wins: the default, a TOML file, the environment, the
flag itself. The file is `--config FILE`, else `weir.toml` in the current folder; an unknown key is an error that names
the nearest known one.

```toml
[features]
label_delay = "7d"
```

The same in the environment: `WEIR_FEATURES__LABEL_DELAY=7d`. As a flag: `weir features --label-delay 7d`.
)";

/// Text for a cell of a Markdown table.
std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, "\\");
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

std::string settings_reference(const CLI::App& weir) {
  std::string page(kReferenceHead);
  for (const CLI::App* command : weir.get_subcommands({})) {
    page += fmt::format(
        "\n## `[{}]`\n\n{}.\n\n| setting | type | default | meaning |\n|---|---|---|---|\n",
        command->get_name(), cell(command->get_description()));
    for (const CLI::Option* option : command->get_options()) {
      if (option->get_group().empty()) continue;  // Hidden: for the repository's own tests.
      for (const std::string& name : option->get_lnames()) {
        if (name == "help") continue;
        const std::string type =
            option->get_expected_max() == 0 ? "true or false" : option->get_type_name();
        const std::string fallback = option->get_default_str();
        page += fmt::format("| `{}` | {} | {} | {} |\n", key_of(name), cell(type),
                            option->get_required()                 ? "required"
                            : fallback.empty() || fallback == "[]" ? ""
                                                                   : "`" + cell(fallback) + "`",
                            cell(option->get_description()));
      }
    }
  }
  return page;
}

std::vector<std::string> merge_settings(const CLI::App& weir, std::vector<std::string> arguments) {
  const std::string file = take_config_file(arguments);
  const auto known = known_settings(weir);
  config::Settings settings;
  if (!file.empty()) settings = config::parse_toml_settings(files::read_text(file), file, known);
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  for (auto& [name, values] : config::parse_environment_settings(environment, known)) {
    settings[name] = std::move(values);
  }
  const auto command =
      std::find_if(arguments.begin(), arguments.end(),
                   [&](const std::string& word) { return find_command(weir, word) != nullptr; });
  if (command == arguments.end()) return arguments;
  std::vector<std::string> merged(arguments.begin(), command + 1);
  const std::vector<std::string> own(command + 1, arguments.end());
  for (const CLI::Option* option : find_command(weir, *command)->get_options()) {
    for (const std::string& name : option->get_lnames()) {
      const auto setting = settings.find({*command, key_of(name)});
      const bool given = std::any_of(own.begin(), own.end(), [&](const std::string& word) {
        return word == "--" + name || word.starts_with("--" + name + "=");
      });
      if (setting == settings.end() || given) continue;
      for (const std::string& value : setting->second) merged.push_back("--" + name + "=" + value);
    }
  }
  merged.insert(merged.end(), own.begin(), own.end());
  return merged;
}

}  // namespace weir::cli
