#ifndef BOBBIN_TESTING_CONFORMANCE_TREE_PERMISSIONS_HPP
#define BOBBIN_TESTING_CONFORMANCE_TREE_PERMISSIONS_HPP

#include <bobbin/fs/tree.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::testing::conformance {

namespace detail {

template <TreeFileSystem Fs, class Become>
class PermissionChecks {
public:
    PermissionChecks(Fs fs, std::string root, std::uint32_t user, Become become)
        : fs_{std::move(fs)}
        , root_{std::move(root)}
        , user_{user}
        , become_{std::move(become)} {}

    std::vector<std::string> broken;

    void all() {
        auto made = fs_.open_root(root_.c_str(), RootMode::create_if_missing);
        if (!expect(made.has_value(), "a missing root is made when asked for")) return;
        dir_ = *made;
        expect(fs_.set_mode(dir_, 0755).has_value(), "the root is made accessible");
        mine_ = make_directory(dir_, "mine", 0700, user_);
        roots_ = make_directory(dir_, "roots", 0755, 0);
        for (const auto dir : {mine_, roots_}) make_file(dir, "file", 0644, 0);
        names();
        moves();
        sticky();
        files();
        status();
        privileges();
        attributes();
    }

private:
    bool expect(bool held, const char* promise) {
        if (!held) broken.emplace_back(promise);
        return held;
    }
    template <class R>
    void allowed(const R& result, const char* promise) {
        expect(result.has_value(), promise);
    }
    template <class R>
    void refused(const R& result, int number, const char* promise) {
        expect(!result && result.error().is_errno(number), promise);
    }
    void make_file(FileHandle dir, const char* name, std::uint32_t mode, std::uint32_t owner) {
        const auto file = fs_.create_at(dir, name, 0600);
        expect(file && fs_.set_owner(*file, owner, owner) && fs_.set_mode(*file, mode) &&
                   fs_.close(*file),
               "a file is made");
    }
    FileHandle make_directory(FileHandle in, const char* name, std::uint32_t mode,
                              std::uint32_t owner) {
        const auto made = fs_.make_directory_at(in, name, 0700);
        const auto handle = fs_.open_directory_at(in, name);
        expect(made && handle && fs_.set_owner(*handle, owner, owner) &&
                   fs_.set_mode(*handle, mode),
               "a directory is made");
        return handle ? *handle : no_file;
    }
    std::uint32_t mode_of(FileHandle dir, const char* name) {
        return fs_.node_at(dir, name).value_or(NodeStatus{}).mode;
    }
    Result<void> move(FileHandle from, const char* name, FileHandle to, const char* as,
                      MoveMode how = MoveMode::replace) {
        return fs_.move_at(from, name, to, as, how);
    }
    /// Opens and closes.
    Result<void> opens(FileHandle dir, const char* name, OpenMode mode) {
        const auto file = fs_.open_at(dir, name, mode);
        if (!file) return file.error();
        return fs_.close(*file);
    }
    Result<void> enters(FileHandle dir, const char* name) {
        const auto opened = fs_.open_directory_at(dir, name);
        if (!opened) return opened.error();
        return fs_.close(*opened);
    }

    void names() {
        const auto blind = make_directory(mine_, "blind", 0300, user_);
        const auto listed = make_directory(mine_, "listed", 0600, user_);
        make_file(blind, "file", 0644, user_);
        become_(user_);
        const auto made = fs_.create_at(mine_, "made", 0644);
        allowed(made, "a user makes files in a directory of theirs");
        const auto status = made ? fs_.node(*made) : Result<NodeStatus>{made.error()};
        expect(status && status->user == user_ && status->group == user_, "they are theirs");
        if (made) allowed(fs_.close(*made), "a file is closed");
        refused(fs_.create_at(roots_, "none", 0644), EACCES, "and none in another's");
        refused(fs_.make_directory_at(roots_, "none", 0755), EACCES, "and no directory");
        refused(fs_.make_symlink_at("x", roots_, "none"), EACCES, "and no symlink");
        refused(fs_.link_at(mine_, "made", roots_, "none"), EACCES, "and no other name");
        refused(fs_.open_at(roots_, "none", OpenMode::create), EACCES, "nor by opening");
        refused(fs_.create_at(roots_, "file", 0644), EEXIST, "what is there comes first");
        refused(fs_.remove(roots_, "file"), EACCES, "another's directory keeps its names");
        refused(fs_.remove(roots_, "none"), ENOENT, "what is missing comes first");
        allowed(fs_.remove(mine_, "file"), "whose the directory is removes what is in it");
        refused(enters(mine_, "blind"), EACCES, "a directory is opened to read it");
        allowed(fs_.node_at(blind, "file"), "and is searched without that");
        allowed(enters(mine_, "listed"), "one that is only read is opened");
        refused(fs_.node_at(listed, "any"), EACCES, "and not searched");
        refused(fs_.create_at(listed, "any", 0644), EACCES, "and takes no names");
        become_(0);
        allowed(fs_.create_at(listed, "any", 0644), "nothing is refused to root");
        become_(user_);
        refused(fs_.remove(listed, "any"), EACCES, "and gives none away");
        become_(0);
    }

    void moves() {
        make_directory(mine_, "fixed", 0555, user_);
        make_directory(mine_, "other", 0755, 0);
        const auto to = make_directory(mine_, "to", 0755, user_);
        make_file(to, "file", 0644, user_);
        make_file(mine_, "source", 0600, 0);
        become_(user_);
        refused(move(mine_, "source", roots_, "none"), EACCES, "nothing is moved to another's");
        refused(move(roots_, "file", mine_, "none"), EACCES, "nor away");
        refused(move(mine_, "source", roots_, "file"), EACCES, "nor over what is there");
        refused(move(mine_, "source", roots_, "file", MoveMode::no_replace), EEXIST,
                "what is there comes first");
        allowed(move(mine_, "source", to, "file"), "a file may be another's to be moved");
        allowed(move(mine_, "fixed", mine_, "renamed"), "a directory is renamed where it is");
        refused(move(mine_, "renamed", to, "inside"), EACCES,
                "one that is not to be written has its parent in it");
        refused(move(mine_, "other", to, "inside"), EACCES, "nor is another's moved");
        const auto exchanged = move(mine_, "renamed", to, "file", MoveMode::exchange);
        if (!exchanged && exchanged.error().is(Errc::not_supported)) return become_(0);
        refused(exchanged, EACCES, "nor by an exchange");
        refused(move(to, "file", mine_, "renamed", MoveMode::exchange), EACCES,
                "from whichever side");
        allowed(move(mine_, "renamed", mine_, "made", MoveMode::exchange),
                "names of one directory change places");
        become_(0);
    }

    void sticky() {
        const auto shared = make_directory(dir_, "shared", 01777, 0);
        make_file(shared, "roots", 0666, 0);
        make_file(shared, "users", 0666, user_);
        make_directory(shared, "directory", 0777, 0);
        become_(user_);
        refused(fs_.remove(shared, "roots"), EPERM, "in a sticky directory others' names stay");
        refused(fs_.remove(shared, "directory"), EPERM, "whatever they are");
        refused(fs_.remove_directory_at(shared, "directory"), EPERM, "directories, too");
        refused(move(shared, "roots", mine_, "none"), EPERM, "and are not moved");
        refused(move(shared, "users", shared, "roots"), EPERM, "nor replaced");
        allowed(move(shared, "users", shared, "renamed"), "one's own are");
        allowed(fs_.remove(shared, "renamed"), "and are removed");
        become_(0);
    }

    void files() {
        make_file(mine_, "closed", 0000, user_);
        make_file(mine_, "read", 0444, user_);
        make_file(mine_, "others", 0602, 0);
        const auto theirs = fs_.create_at(mine_, "group", 0600);
        expect(theirs && fs_.set_owner(*theirs, 0, user_) && fs_.set_mode(*theirs, 0646) &&
                   fs_.close(*theirs),
               "a file of another and one's own group");
        become_(user_);
        refused(opens(mine_, "closed", OpenMode::read), EACCES, "owners refuse themselves");
        allowed(opens(mine_, "read", OpenMode::read), "a file is opened to read");
        refused(opens(mine_, "read", OpenMode::write), EACCES, "and not to write");
        refused(opens(mine_, "others", OpenMode::read), EACCES, "others' bits are for others");
        allowed(opens(mine_, "group", OpenMode::read), "a group's for the group");
        refused(opens(mine_, "group", OpenMode::write), EACCES, "and nobody else's for it");
        become_(0);
    }

    void status() {
        make_file(mine_, "open", 0666, 0);
        make_file(mine_, "owned", 0600, user_);
        become_(user_);
        const auto open = fs_.open_at(mine_, "open", OpenMode::write);
        const auto owned = fs_.open_at(mine_, "owned", OpenMode::write);
        if (!expect(open && owned, "files are opened to write")) return become_(0);
        refused(fs_.set_mode(*open, 0600), EPERM, "an owner sets a mode");
        refused(fs_.set_modified(*open, {1, 2}), EPERM, "and a time");
        refused(fs_.set_modified_at(mine_, "open", {1, 2}), EPERM, "by name, too");
        refused(fs_.set_owner(*open, user_, user_), EPERM, "nobody takes a file");
        refused(fs_.set_owner(*open, 0, 0), EPERM, "an owner sets the same owner");
        allowed(fs_.set_mode(*owned, 0640), "of a file of theirs");
        allowed(fs_.set_modified(*owned, {1, 2}), "and the time");
        allowed(fs_.set_owner(*owned, user_, user_), "and the owner that it has");
        refused(fs_.set_owner(*owned, 0, user_), EPERM, "nobody gives a file away");
        refused(fs_.set_owner_at(mine_, "owned", user_, 0), EPERM, "nor to a foreign group");
        for (const auto file : {*open, *owned}) allowed(fs_.close(file), "a file is closed");
        become_(0);
    }

    /// What was given to the program that a file was, and not to what becomes of it.
    void privileges() {
        const auto privileged = [&](std::uint32_t mode) {
            expect(fs_.set_owner(file_, user_, user_) && fs_.set_mode(file_, mode),
                   "a mode is set");
        };
        make_file(mine_, "program", 0755, user_);
        const auto opened = fs_.open_at(mine_, "program", OpenMode::write);
        if (!expect(opened.has_value(), "a file is opened to write")) return;
        file_ = *opened;
        privileged(06755);
        allowed(fs_.set_owner(file_, user_, user_), "root sets an owner");
        expect(mode_of(mine_, "program") == 0755, "which takes set-user-id and set-group-id");
        privileged(06755);
        allowed(fs_.write_at(file_, as_bytes("x"), 0), "root writes");
        expect(mode_of(mine_, "program") == 06755, "which takes nothing");
        become_(user_);
        allowed(fs_.write_at(file_, as_bytes("x"), 0), "a user writes");
        expect(mode_of(mine_, "program") == 0755, "which takes both");
        become_(0);
        privileged(06755);
        become_(user_);
        allowed(fs_.set_owner(file_, user_, user_), "a user sets the owner");
        expect(mode_of(mine_, "program") == 0755, "which takes both, too");
        become_(0);
        expect(fs_.set_owner(file_, user_, 0) && fs_.set_mode(file_, 0755), "a foreign group");
        become_(user_);
        allowed(fs_.set_mode(file_, 02755), "a user sets a mode");
        expect(mode_of(mine_, "program") == 0755, "and no set-group-id of a foreign group");
        become_(0);
        const auto directory = make_directory(dir_, "collected", 02755, 0);
        allowed(fs_.set_owner(directory, user_, user_), "a directory changes its owner");
        expect(mode_of(dir_, "collected") == 02755, "and keeps its mode");
        make_file(directory, "file", 0644, 0);
        allowed(fs_.make_directory_at(directory, "inner", 0755), "a directory is made in it");
        const auto inner = fs_.node_at(directory, "inner");
        expect(inner && inner->group == user_ && inner->mode == 02755, "and gives its group on");
    }

    void attributes() {
        // A version, and no capability: valid, and there.
        const Attribute capability{"security.capability",
                                   std::string{"\0\0\0\2", 4} + std::string(16, '\0')};
        const auto has = [&] {
            const auto all = fs_.attributes(file_);
            return all && std::ranges::find(*all, capability.name, &Attribute::name) != all->end();
        };
        if (fs_.set_attribute(file_, capability)) {
            expect(has(), "a capability is set");
            allowed(fs_.set_owner(file_, user_, user_), "root sets an owner");
            expect(!has(), "which takes the capability");
            allowed(fs_.set_attribute(file_, capability), "a capability is set again");
            allowed(fs_.write_at(file_, as_bytes("y"), 0), "root writes");
            expect(!has(), "which takes the capability, too");
            become_(user_);
            refused(fs_.set_attribute(file_, capability), EPERM, "a user gives no capability");
            become_(0);
        }
        const Attribute note{"user.note", "x"};
        if (!fs_.set_attribute(file_, note)) return;
        make_file(mine_, "noted", 0640, 0);
        allowed(fs_.set_attribute_at(mine_, "noted", note), "an attribute is set");
        expect(fs_.set_owner(file_, 0, 0) && fs_.set_mode(file_, 0644), "root has a file");
        become_(user_);
        allowed(fs_.attributes(file_), "attributes are read as the file is");
        refused(fs_.set_attribute(file_, note), EACCES, "and written as it is");
        refused(fs_.remove_attribute(file_, "user.note"), EACCES, "and removed likewise");
        refused(fs_.attributes_at(mine_, "noted"), EACCES, "by name, too");
        allowed(fs_.set_attribute_at(mine_, "owned", note), "whose file it is sets them");
        become_(0);
    }

    Fs fs_;
    std::string root_;
    std::uint32_t user_;
    Become become_;
    FileHandle dir_ = no_file, mine_ = no_file, roots_ = no_file;
    FileHandle file_ = no_file;  ///< open to write
};

}  // namespace detail

/// What Linux refuses a user, and `fs` does not, or the other way round. Some handles stay open.
/// @param root a path as of `tree_file_system`, in directories that all may search
/// @param user is not root, and has the group of that number and no other
/// @param become `become(who)` makes what follows be done by `user`, or again by root: 0
template <TreeFileSystem Fs, class Become>
std::vector<std::string> tree_permissions(Fs fs, std::string root, std::uint32_t user,
                                          Become become) {
    detail::PermissionChecks<Fs, Become> checks{std::move(fs), std::move(root), user,
                                                std::move(become)};
    checks.all();
    return checks.broken;
}

}  // namespace bobbin::testing::conformance

#endif
