#include "commands/tree.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace packs {

using namespace bobbin;

namespace {

/// What differs between two trees, in the order of their paths. Directories that are the same are not
/// entered.
class Difference {
public:
    Difference(Source& source, const Common& common) : source_{source}, common_{common} {}

    Result<void> run(const pack::Content& from, const pack::Content& to) {
        open_.push_back({{}, from, to});
        while (!open_.empty()) {
            auto [path, before, after] = std::move(open_.back());
            open_.pop_back();
            if (before == after) continue;
            auto old_entries = entries(before);
            if (!old_entries) return old_entries.error();
            auto new_entries = entries(after);
            if (!new_entries) return new_entries.error();
            compare(path, *old_entries, *new_entries);
        }
        return {};
    }

    std::uint64_t count() const noexcept { return count_; }

private:
    using Entries = std::vector<pack::TreeEntry>;
    struct Pair {
        std::string path;
        pack::Content from;
        pack::Content to;
    };

    Result<Entries> entries(const pack::Content& node) {
        Entries all;
        if (node.size == 0) return all;
        auto read = pack::for_each_entry(source_, node, [&](pack::TreeEntry& entry) -> Result<bool> {
            all.push_back(std::move(entry));
            return true;
        });
        if (!read) return read.error();
        return all;
    }

    void compare(const std::string& path, const Entries& before, const Entries& after) {
        auto a = before.begin();
        auto b = after.begin();
        std::vector<Pair> inner;
        const auto enter = [&](const pack::TreeEntry& entry, const pack::Content& from,
                               const pack::Content& to) {
            inner.push_back({path + entry.name + '/', from, to});
        };
        while (a != before.end() || b != after.end()) {
            const bool is_gone = b == after.end() || (a != before.end() && a->name < b->name);
            const bool is_new = !is_gone && (a == before.end() || b->name < a->name);
            if (is_gone) {
                tell('-', path, *a);
                if (a->kind == pack::EntryKind::directory) enter(*a, a->content, {});
                ++a;
            } else if (is_new) {
                tell('+', path, *b);
                if (b->kind == pack::EntryKind::directory) enter(*b, {}, b->content);
                ++b;
            } else {
                compare(path, *a, *b);
                const bool was = a->kind == pack::EntryKind::directory;
                const bool is = b->kind == pack::EntryKind::directory;
                if (was || is)
                    enter(*b, was ? a->content : pack::Content{}, is ? b->content : pack::Content{});
                ++a, ++b;
            }
        }
        std::ranges::reverse(inner);
        std::ranges::move(inner, std::back_inserter(open_));
    }

    void compare(const std::string& path, const pack::TreeEntry& a, const pack::TreeEntry& b) {
        if (a.kind != b.kind) return tell('T', path, b);
        const bool is_directory = a.kind == pack::EntryKind::directory;
        if (!is_directory && (a.content != b.content || a.target != b.target))
            return tell('M', path, b);
        auto same = a;
        same.content = b.content;
        // A directory's time changes with what is in it, which is told by itself.
        if (is_directory) same.modified = b.modified;
        if (same != b) tell('m', path, b);
    }

    void tell(char what, const std::string& path, const pack::TreeEntry& entry) {
        ++count_;
        const auto name = path + entry.name +
                          (entry.kind == pack::EntryKind::directory ? "/" : "");
        if (common_.is_json)
            print_json({{"change", std::string(1, what)}, {"path", json_text(name)}});
        else
            print_line(fmt::format("{} {}", what, printable(name)));
    }

    Source& source_;
    const Common& common_;
    std::vector<Pair> open_;
    std::uint64_t count_ = 0;
};

}  // namespace

int diff(const Common& common, const std::string& from, const std::string& to) {
    Repository repository{common.store, Repository::For::reading, common.wait};
    const auto before = repository.snapshot(from);
    const auto after = repository.snapshot(to);
    auto source = repository.source();
    Difference difference{source, common};
    if (auto done = difference.run(before.root.content, after.root.content); !done)
        throw repository.failure(done.error(), "comparing");
    return exit_ok;
}

}  // namespace packs
