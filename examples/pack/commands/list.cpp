#include "commands/commands.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace packs {

using namespace bobbin;

namespace {

Json json_of(const Snapshot& snapshot) {
    auto tags = Json::array();
    for (const auto& tag : snapshot.tags) tags.push_back(json_text(tag));
    return {{"id", long_id(snapshot.id)},
            {"time", utc_time(snapshot.time)},
            {"host", json_text(snapshot.host)},
            {"path", json_text(snapshot.path)},
            {"message", json_text(snapshot.message)},
            {"tags", std::move(tags)},
            {"files", snapshot.files},
            {"directories", snapshot.directories},
            {"bytes", snapshot.bytes.value},
            {"added", snapshot.added.value},
            {"problems", snapshot.problems}};
}

std::string joined(const std::vector<std::string>& tags) {
    std::string text;
    for (const auto& tag : tags) text += (text.empty() ? "" : ",") + printable(tag);
    return text;
}

}  // namespace

int list(const Common& common, const std::string& path, const std::string& tag) {
    Repository repository{common.store, Repository::For::reading, common.wait};
    auto [all, damaged] = repository.snapshots();
    for (const auto& id : damaged) print_error(words_of_damaged(id));
    const auto code = damaged.empty() ? exit_ok : exit_damaged;
    const auto real = path.empty() ? std::string{} : canonical(path).string();
    std::erase_if(all, [&](const Snapshot& s) {
        return (!real.empty() && s.path != real) ||
               (!tag.empty() && std::ranges::find(s.tags, tag) == s.tags.end());
    });
    if (common.is_json) {
        auto json = Json::array();
        for (const auto& snapshot : all) json.push_back(json_of(snapshot));
        print_json(json);
        return code;
    }
    if (all.empty()) {
        print_line("no snapshots");
        return code;
    }
    print_line(fmt::format("{:8}  {:19}  {:>9}  {:>8}  {:>8}  {}", "id", "time", "files", "size",
                           "added", "path, tags, message"));
    for (const auto& s : all) {
        auto about = printable(s.path);
        if (!s.tags.empty()) about += " [" + joined(s.tags) + "]";
        if (!s.message.empty()) about += "  " + printable(s.message);
        if (s.problems != 0) about += fmt::format("  ({} problems)", s.problems);
        print_line(fmt::format("{}  {}  {:>9}  {:>8}  {:>8}  {}", bold(short_id(s.id)),
                               local_time(s.time), s.files, readable(s.bytes), readable(s.added),
                               about));
    }
    return code;
}

int show(const Common& common, const std::string& reference) {
    Repository repository{common.store, Repository::For::reading, common.wait};
    const auto s = repository.snapshot(reference);
    if (common.is_json) {
        print_json(json_of(s));
        return exit_ok;
    }
    print_line("snapshot     " + bold(long_id(s.id)));
    print_line("time         " + local_time(s.time));
    print_line("host         " + printable(s.host));
    print_line("path         " + printable(s.path));
    if (!s.message.empty()) print_line("message      " + printable(s.message));
    if (!s.tags.empty()) print_line("tags         " + joined(s.tags));
    print_line(fmt::format("files        {}", s.files));
    print_line(fmt::format("directories  {}", s.directories));
    print_line(fmt::format("size         {} ({} bytes)", readable(s.bytes), s.bytes.value));
    print_line(fmt::format("added        {} ({} bytes)", readable(s.added), s.added.value));
    if (s.problems != 0) print_line(fmt::format("problems     {}", s.problems));
    return exit_ok;
}

}  // namespace packs
