#include "commands/tree.hpp"

#include <fmt/core.h>

namespace packs {

using namespace bobbin;

namespace {

struct Lister {
    bool is_json;
    bool is_recursive;
    std::string above;  ///< what is walked; empty, or ending with '/'

    void print(const std::string& name, const pack::TreeEntry& entry) const {
        if (is_json) {
            Json json{{"path", json_text(name)},
                      {"kind", kind_text(entry.kind)},
                      {"mode", fmt::format("{:04o}", entry.mode)},
                      {"user", entry.user},
                      {"group", entry.group},
                      {"modified", utc_time(entry.modified)}};
            if (entry.kind == pack::EntryKind::file) json["size"] = entry.content.size;
            if (entry.kind == pack::EntryKind::symlink) json["target"] = json_text(entry.target);
            return print_json(json);
        }
        const auto owner = [](const std::string& text, std::uint32_t number) {
            return text.empty() ? std::to_string(number) : printable(text);
        };
        print_line(fmt::format(
            "{} {:>8} {:>8} {:>12} {} {}{}", mode_text(entry), owner(entry.user_name, entry.user),
            owner(entry.group_name, entry.group),
            entry.kind == pack::EntryKind::file ? entry.content.size : 0,
            local_time(entry.modified), printable(name),
            entry.kind == pack::EntryKind::symlink ? " -> " + printable(entry.target) : ""));
    }
    Result<std::optional<std::uint64_t>> visit(std::string_view path,
                                               const pack::TreeEntry& entry) {
        print(above + std::string{path} + entry.name, entry);
        return is_recursive ? std::optional<std::uint64_t>{0} : std::nullopt;
    }
};

}  // namespace

int ls(const Common& common, const std::string& reference, const std::string& path,
       bool is_recursive) {
    Repository repository{common.store, Repository::For::reading, common.wait};
    const auto snapshot = repository.snapshot(reference);
    auto source = repository.source();
    const auto entry = entry_at(repository, source, snapshot, path);
    const auto inside = path_inside(snapshot, path);
    Lister lister{common.is_json, is_recursive, inside.empty() ? "" : inside + '/'};
    if (entry.kind != pack::EntryKind::directory) {
        lister.print(inside, entry);
        return exit_ok;
    }
    if (auto walked = pack::walk_tree(source, entry.content, lister); !walked)
        throw repository.failure(walked.error(), "listing " + printable(path));
    return exit_ok;
}

int cat(const Common& common, const std::string& reference, const std::string& path) {
    Repository repository{common.store, Repository::For::reading, common.wait};
    const auto snapshot = repository.snapshot(reference);
    auto source = repository.source();
    const auto entry = entry_at(repository, source, snapshot, path);
    if (entry.kind != pack::EntryKind::file)
        throw Failure{exit_usage, printable(path) + " is a " + std::string{kind_text(entry.kind)} +
                                      ", not a file"};
    const auto refused = [] {
        return Failure{exit_failed,
                       describe(Error::system(errno, Operation::write), "standard output")};
    };
    auto read = for_each_byte(source, entry.content, [&](ByteView bytes) -> Result<void> {
        if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) throw refused();
        return {};
    });
    if (!read) throw repository.failure(read.error(), "reading " + printable(path));
    if (std::fflush(stdout) != 0) throw refused();
    return exit_ok;
}

}  // namespace packs
