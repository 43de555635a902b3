#ifndef BOBBIN_TESTING_CONFORMANCE_TREE_FILE_SYSTEM_HPP
#define BOBBIN_TESTING_CONFORMANCE_TREE_FILE_SYSTEM_HPP

#include <bobbin/fs/tree.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::testing::conformance {

namespace detail {

template <TreeFileSystem Fs>
class TreeChecks {
public:
    TreeChecks(Fs fs, std::string root) : fs_{std::move(fs)}, root_{std::move(root)} {}

    std::vector<std::string> broken;

    void all() {
        auto made = fs_.open_root(root_.c_str(), RootMode::create_if_missing);
        if (!expect(made.has_value(), "a missing root is made when asked for")) return;
        dir_ = *made;
        directories();
        names();
        symlinks();
        status();
        links();
        moves();
        attributes();
        holes();
        expect(fs_.sync_file_system(dir_).has_value(), "a file system is synced");
        expect(fs_.close(dir_).has_value(), "a directory is closed");
    }

private:
    bool expect(bool held, const char* promise) {
        if (!held) broken.emplace_back(promise);
        return held;
    }
    template <class R>
    void refused(const R& result, int number, const char* promise) {
        expect(!result && result.error().is_errno(number), promise);
    }
    void make_file(FileHandle dir, const char* name, std::string_view text = {}) {
        const auto file = fs_.create_at(dir, name, 0600);
        if (!expect(file.has_value(), "a file is made")) return;
        if (!text.empty())
            expect(fs_.write_at(*file, as_bytes(text), 0).value_or(0) == text.size(),
                   "a new file is written");
        expect(fs_.close(*file).has_value(), "a new file is closed");
    }
    FileHandle make_directory(const char* name) {
        expect(fs_.make_directory_at(dir_, name, 0700).has_value(), "a directory is made");
        const auto handle = fs_.open_directory_at(dir_, name);
        expect(handle.has_value(), "a directory is opened");
        return handle ? *handle : no_file;
    }
    NodeStatus node(const char* name) {
        const auto node = fs_.node_at(dir_, name);
        expect(node.has_value(), "a name has a status");
        return node ? *node : NodeStatus{};
    }
    std::string text(const char* name) {
        const auto file = fs_.open_at(dir_, name, OpenMode::read);
        if (!file) return "?";
        std::array<std::byte, 64> bytes{};
        const auto got = fs_.read_at(*file, bytes, 0);
        (void)fs_.close(*file);
        return got ? std::string{as_text(std::span{bytes}.first(*got))} : "?";
    }

    void directories() {
        const auto a = make_directory("a");
        refused(fs_.make_directory_at(dir_, "a", 0700), EEXIST, "a directory replaces nothing");
        refused(fs_.open_directory_at(dir_, "none"), ENOENT, "opening makes no directory");
        make_file(a, "f");
        refused(fs_.open_directory_at(a, "f"), ENOTDIR, "a file is not opened as a directory");
        refused(fs_.remove_directory_at(dir_, "a"), ENOTEMPTY, "a full directory is not removed");
        refused(fs_.remove_directory_at(a, "f"), ENOTDIR, "a file is not removed as a directory");
        refused(fs_.remove(dir_, "a"), EISDIR, "a directory is not removed as a file");
        expect(fs_.remove(a, "f").has_value(), "a file is removed");
        expect(fs_.remove_directory_at(dir_, "a").has_value(), "an empty directory is removed");
        refused(fs_.node_at(dir_, "a"), ENOENT, "what was removed has no status");
        expect(!fs_.create_at(a, "g", 0600), "nothing is made in a directory that was removed");
        expect(fs_.close(a).has_value(), "a removed directory is closed");
    }

    void names() {
        const auto many = make_directory("many");
        std::vector<std::string> made;
        for (unsigned n = 0; n < 1000; ++n) {
            made.push_back("\xff name \n" + std::to_string(n));
            make_file(many, made.back().c_str());
        }
        expect(fs_.make_directory_at(many, "d", 0700).has_value(), "a directory in another");
        made.emplace_back("d");
        for (int round = 0; round < 2; ++round) {
            auto read = fs_.read_directory(many);
            if (!expect(read.has_value(), "a directory is read")) return;
            std::vector<std::string> got;
            for (auto& name : *read) {
                const auto there = fs_.node_at(many, name.name.c_str());
                expect(there && there->inode == name.inode &&
                           (name.kind == NodeKind::unknown || name.kind == there->kind),
                       "a directory tells inodes and kinds");
                got.push_back(std::move(name.name));
            }
            std::ranges::sort(got);
            std::ranges::sort(made);
            expect(got == made, "a directory tells its names, whenever it is asked");
        }
        expect(fs_.close(many).has_value(), "a directory is closed");
        refused(fs_.create_at(dir_, std::string(256, 'n').c_str(), 0600), ENAMETOOLONG,
                "a name has up to 255 bytes");
    }

    void symlinks() {
        const std::string target = "many/../\xfe anything";
        expect(fs_.make_symlink_at(target.c_str(), dir_, "link").has_value(), "a symlink is made");
        expect(fs_.read_link_at(dir_, "link").value_or("") == target, "its target is read");
        const auto link = node("link");
        expect(link.kind == NodeKind::symlink && link.size == target.size(),
               "a symlink has a status of its own");
        expect(fs_.make_symlink_at("many", dir_, "way").has_value(), "a symlink to a directory");
        expect(!fs_.open_directory_at(dir_, "way"), "a symlink is not opened as a directory");
        expect(!fs_.open_at(dir_, "way", OpenMode::read), "a symlink is not opened as a file");
        refused(fs_.create_at(dir_, "way", 0600), EEXIST, "nothing is made through a symlink");
        refused(fs_.read_link_at(dir_, "many"), EINVAL, "only a symlink has a target");
        const FileTime then{-5, 7};
        expect(fs_.set_modified_at(dir_, "link", then).has_value() && node("link").modified == then,
               "a symlink has a time of its own");
        expect(fs_.set_owner_at(dir_, "link", link.user, link.group).has_value(),
               "a symlink has an owner");
        expect(fs_.remove(dir_, "link").has_value(), "a symlink is removed as a file");
    }

    void status() {
        make_file(dir_, "file", "abc");
        const auto before = node("file");
        expect(before.kind == NodeKind::file && before.size == 3 && before.links == 1,
               "the status of a file");
        const auto file = fs_.open_at(dir_, "file", OpenMode::write);
        if (!expect(file.has_value(), "a file is opened to write")) return;
        const FileTime late{7'000'000'001, 123'456'789}, early{-1, 999'999'999};
        for (const auto mode : {0U, 04755U, 01777U, 0600U})
            expect(fs_.set_mode(*file, mode).has_value() && node("file").mode == mode,
                   "modes are set, whatever the umask");
        expect(fs_.set_owner(*file, before.user, before.group).has_value(), "an owner is set");
        for (const auto& time : {late, early})
            expect(fs_.set_modified(*file, time).has_value() && node("file").modified == time,
                   "times are set to the nanosecond");
        expect(fs_.set_modified_at(dir_, "file", late).has_value() && node("file").modified == late,
               "times are set by name");
        const auto opened = fs_.node(*file);
        expect(opened && *opened == node("file") && opened->inode == before.inode &&
                   opened->device == before.device,
               "a handle and a name tell the same");
        expect(opened && opened->changed != before.changed, "a change of status has a time");
        expect(fs_.close(*file).has_value(), "a file is closed");
        const auto many = fs_.open_directory_at(dir_, "many");
        const auto there = many ? fs_.node(*many) : Result<NodeStatus>{many.error()};
        expect(there && there->kind == NodeKind::directory &&
                   fs_.set_mode(*many, 0750).has_value() && node("many").mode == 0750 &&
                   fs_.set_modified(*many, early).has_value() && node("many").modified == early,
               "a directory has mode and time");
        if (many) expect(fs_.close(*many).has_value(), "a directory is closed");
    }

    void links() {
        const auto d = make_directory("links");
        expect(fs_.link_at(dir_, "file", d, "second").has_value(), "a file gets another name");
        const auto first = node("file");
        const auto second = fs_.node_at(d, "second");
        expect(second && second->inode == first.inode && first.links == 2, "both are one file");
        refused(fs_.link_at(dir_, "file", d, "second"), EEXIST, "a link replaces nothing");
        expect(!fs_.link_at(dir_, "links", d, "loop"), "a directory has one name");
        expect(fs_.link_at(dir_, "way", d, "symlink").has_value() &&
                   fs_.node_at(d, "symlink").value_or(NodeStatus{}).kind == NodeKind::symlink,
               "a symlink gets another name, and not what it points to");
        for (const char* name : {"second", "symlink"})
            expect(fs_.remove(d, name).has_value(), "a link is removed");
        expect(node("file").links == 1, "links are counted");
        expect(fs_.close(d).has_value() && fs_.remove_directory_at(dir_, "links").has_value(),
               "a directory is closed and removed");
    }

    void moves() {
        const auto d = make_directory("moves");
        const auto move = [&](FileHandle from_dir, const char* from, const char* to, MoveMode how) {
            return fs_.move_at(from_dir, from, dir_, to, how);
        };
        make_file(d, "one", "1");
        make_file(dir_, "two", "2");
        refused(move(d, "one", "two", MoveMode::no_replace), EEXIST, "nothing is replaced unasked");
        refused(move(d, "none", "two", MoveMode::replace), ENOENT, "what is missing is not moved");
        refused(move(d, "one", "none", MoveMode::exchange), ENOENT, "two names are exchanged");
        expect(move(d, "one", "three", MoveMode::no_replace).has_value() && text("three") == "1",
               "a file is moved to another directory");
        expect(move(dir_, "three", "two", MoveMode::replace).has_value() && text("two") == "1",
               "a file is replaced");
        refused(fs_.node_at(dir_, "three"), ENOENT, "what was moved has lost its name");
        expect(fs_.move_at(dir_, "two", d, "four", MoveMode::replace).has_value(),
               "a file is moved back");
        make_file(dir_, "five", "5");
        expect(move(dir_, "five", "moves", MoveMode::exchange).has_value() &&
                   text("moves") == "5" && node("five").kind == NodeKind::directory,
               "a file and a full directory change places");
        refused(move(dir_, "moves", "five", MoveMode::replace), EISDIR,
                "a file does not replace a directory");
        refused(move(dir_, "five", "moves", MoveMode::replace), ENOTDIR,
                "a directory does not replace a file");
        refused(move(dir_, "five", "many", MoveMode::replace), ENOTEMPTY,
                "a full directory is not replaced");
        expect(!fs_.move_at(dir_, "five", d, "inside", MoveMode::replace),
               "a directory is not moved into itself");
        expect(fs_.make_directory_at(dir_, "empty", 0700).has_value() &&
                   move(dir_, "five", "empty", MoveMode::replace).has_value() &&
                   node("empty").kind == NodeKind::directory,
               "an empty directory is replaced");
        const auto inside = fs_.node_at(d, "four");
        expect(inside.has_value(), "a directory that was moved keeps handle and names");
        expect(fs_.close(d).has_value(), "a directory is closed");
    }

    /// Where the file system has none, or none for users, there is nothing to hold.
    void attributes() {
        const auto file = fs_.open_at(dir_, "file", OpenMode::write);
        if (!expect(file.has_value(), "a file is opened to write")) return;
        const Attribute one{"user.one", std::string{"\0\xff", 2}}, two{"user.two", ""};
        auto set = fs_.set_attribute(*file, two);
        if (!expect(set || set.error().is(Errc::not_supported), "an attribute is set") || !set)
            return;
        expect(fs_.set_attribute(*file, {one.name, "?"}).has_value() &&
                   fs_.set_attribute_at(dir_, "file", one).has_value(),
               "an attribute is replaced, by its file's name too");
        const std::vector<Attribute> both{one, two};
        for (auto got : {fs_.attributes(*file), fs_.attributes_at(dir_, "file")})
            expect(got && ours(*got) == both, "attributes are read, in order");
        expect(fs_.remove_attribute(*file, "user.one").has_value() &&
                   fs_.remove_attribute_at(dir_, "file", "user.two").has_value(),
               "attributes are removed");
        auto left = fs_.attributes(*file);
        expect(left && ours(*left).empty(), "what was removed is gone");
        expect(!fs_.remove_attribute(*file, "user.one"), "what is missing is not removed");
        expect(fs_.close(*file).has_value(), "a file is closed");
        auto link = fs_.attributes_at(dir_, "way");
        expect(link ? ours(*link).empty() : link.error().is(Errc::not_supported),
               "a symlink has attributes of its own or none");
        expect(!fs_.set_attribute_at(dir_, "way", one), "a symlink is not followed");
    }
    /// Without those that a system puts on all files.
    static std::vector<Attribute> ours(const std::vector<Attribute>& all) {
        std::vector<Attribute> some;
        std::ranges::copy_if(all, std::back_inserter(some), [](const Attribute& attribute) {
            return attribute.name.starts_with("user.");
        });
        return some;
    }

    void holes() {
        constexpr std::uint64_t mib = std::uint64_t{1} << 20;
        const auto file = fs_.create_at(dir_, "sparse", 0600);
        if (!expect(file.has_value(), "a file is made")) return;
        expect(fs_.truncate(*file, 3 * mib).has_value() &&
                   fs_.write_at(*file, as_bytes("x"), mib).has_value(),
               "a file is extended and written");
        const auto data = fs_.next_data(*file, 0);
        const auto hole = fs_.next_hole(*file, mib);
        if (!data && data.error().is(Errc::not_supported)) {
            expect(!hole && hole.error().is(Errc::not_supported), "holes are known or are not");
        } else {
            // A file system may take holes for data, never data for a hole.
            expect(data && *data && **data <= mib, "where data begins is told");
            expect(hole && *hole && **hole > mib && **hole <= 3 * mib, "where it ends is told");
            const auto end = fs_.next_hole(*file, 3 * mib);
            expect(end && !*end, "there is no hole behind the end");
            const auto last = fs_.next_data(*file, 2 * mib);
            expect(last && (!*last || **last >= 2 * mib), "a hole at the end has no data behind");
        }
        expect(fs_.close(*file).has_value(), "a file is closed");
    }

    Fs fs_;
    std::string root_;
    FileHandle dir_ = no_file;
};

}  // namespace detail

/// The promises of `TreeFileSystem` that `fs` breaks. What `FileSystem` promises is not looked at.
/// @param root a path that does not exist and can be made; what is made there stays
template <TreeFileSystem Fs>
std::vector<std::string> tree_file_system(Fs fs, std::string root) {
    detail::TreeChecks<Fs> checks{std::move(fs), std::move(root)};
    checks.all();
    return checks.broken;
}

}  // namespace bobbin::testing::conformance

#endif
