#include "store/repository.hpp"

#include "cli/output.hpp"
#include "store/keep.hpp"
#include "store/known_trees.hpp"
#include "store/unsynced.hpp"

#include <bobbin/pack/repair.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <thread>
#include <utility>

namespace packs {

using namespace bobbin;

namespace {

SqliteOptions options_of(bool create, bool read_only, std::chrono::milliseconds wait) {
    SqliteOptions options;
    options.create = create;
    options.read_only = read_only;
    options.mode = SqliteMode::shared;
    options.busy_timeout = std::max(wait, std::chrono::milliseconds{1000});
    options.schema = {pack::SnapshotRows::schema, KnownTrees::schema, Unsynced::schema};
    return options;
}

int code_of(const Error& error) {
    if (error.kind() == ErrorKind::locked) return exit_locked;
    if (error.kind() == ErrorKind::corrupt || error.is(Errc::chunk_missing)) return exit_damaged;
    return exit_failed;
}

Failure in_use(const std::string& store, const std::string& doing = {}) {
    return Failure{exit_locked, (doing.empty() ? "" : doing + ": ") +
                                    "another bobbin-pack is working on the store " + store +
                                    "; --wait SECONDS waits for it"};
}

/// Of a catalog that may not be opened SQLite says no more than that.
Failure catalog_failure(const Error& error, const std::string& store, bool reads) {
    const auto catalog = store + "/catalog.db";
    if (error.kind() == ErrorKind::locked) return in_use(store);
    if (error.domain == Domain::sqlite && error.kind() == ErrorKind::permanent &&
        ::access(catalog.c_str(), reads ? R_OK : R_OK | W_OK) != 0)
        return Failure{exit_failed, describe(Error::system(errno, Operation::open), catalog)};
    return Failure{code_of(error), SqliteStore::describe(error, catalog)};
}

/// What an init that was killed leaves, and the next one removes.
bool is_draft_of_catalog(const std::string& name) {
    constexpr std::string_view drafts[] = {"catalog.db.new", "catalog.db.new-journal",
                                           "catalog.db.new-wal", "catalog.db.new-shm"};
    return std::ranges::find(drafts, name) != std::end(drafts);
}

/// Of a pack, by its path.
std::string describe_pack(Error error, const std::string& store) {
    const ObjectName name{ObjectId{error.subject.value}};
    error.subject = {};
    return describe(error, store + "/packs/" + name.c_str());
}

/// An open file, closed at the end; its locks go with it.
class Descriptor {
public:
    explicit Descriptor(int fd) noexcept : fd_{fd} {}
    Descriptor(Descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const noexcept { return fd_; }
    int release() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_;
};

/// Tries until it has the lock, or `wait` is over.
Result<void> lock(int fd, int how, std::chrono::milliseconds wait) {
    const auto end = std::chrono::steady_clock::now() + wait;
    for (;;) {
        if (::flock(fd, how | LOCK_NB) == 0) return {};
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) return Error::system(errno, Operation::lock);
        if (std::chrono::steady_clock::now() >= end)
            return Error{Errc::directory_in_use, Operation::lock};
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
}

/// Does `f` again while somebody else has what it needs.
template <class F>
auto with_patience(std::chrono::milliseconds wait, F f) {
    const auto end = std::chrono::steady_clock::now() + wait;
    for (;;) {
        auto done = f();
        if (done || done.error().kind() != ErrorKind::locked ||
            std::chrono::steady_clock::now() >= end)
            return done;
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
}

}  // namespace

std::string hex(ByteView bytes) {
    std::string text;
    for (const auto byte : bytes) {
        text += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4];
        text += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15];
    }
    return text;
}

std::string long_id(const Uuid& id) { return hex(id.bytes); }
std::string short_id(const Uuid& id) { return long_id(id).substr(0, 8); }
std::string words_of_damaged(const Uuid& id) {
    return "snapshot " + short_id(id) +
           ": what the catalog says of it is not what was saved; put an older copy of the catalog "
           "in "
           "its place and `bobbin-pack repair --adopt` it, or delete the snapshot";
}

struct Repository::Parts {
    std::optional<Descriptor> readers;  ///< the lock of those who read
    std::optional<SqliteStore> store;
    std::optional<Packs::Committer> committer;
    std::optional<Packs> packs;
    std::optional<View> view;
    std::optional<Running<StdThreads, 2>> threads;
};

void Repository::create(const std::string& path, std::chrono::milliseconds wait) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        throw Failure{exit_failed, describe(Error::system(errno, Operation::create), path)};
    const auto catalog = path + "/catalog.db";
    struct stat status {};
    const bool was_begun = ::stat(catalog.c_str(), &status) == 0;
    auto place = PosixDirectory::open(path);
    if (!place) throw Failure{exit_failed, describe(place.error(), path)};
    auto names = place->list();
    if (!names) throw Failure{exit_failed, describe(names.error(), path)};
    std::erase_if(*names, is_draft_of_catalog);
    if (!was_begun && !names->empty())
        throw Failure{exit_failed,
                      path + " is not empty: a store is made in a directory of its own"};
    auto store = with_patience(
        wait, [&] { return SqliteStore::open(catalog, options_of(true, false, wait)); });
    if (!store) throw catalog_failure(store.error(), path, false);
    // The stream of packs is what is made last.
    auto streams = store->streams();
    if (!streams) throw catalog_failure(streams.error(), path, false);
    if (!streams->empty()) throw Failure{exit_failed, path + " is a store already"};
    Packs::Committer committer{*store};
    pack::PackStoreOptions options;
    options.create = true;
    auto packs =
        with_patience(wait, [&] { return Packs::open(path + "/packs", committer, options); });
    if (!packs && packs.error().domain == Domain::system)
        throw Failure{exit_failed, describe(packs.error(), path + "/packs")};
    if (!packs) throw catalog_failure(packs.error(), path, false);
    if (auto synced = place->sync(); !synced)
        throw Failure{exit_failed, describe(synced.error(), path)};
}

RepairPlan Repository::adopt(const std::string& path, bool is_dry, std::chrono::milliseconds wait) {
    const auto packs = path + "/packs";
    auto store = with_patience(wait, [&] {
        return SqliteStore::open(path + "/catalog.db", options_of(false, is_dry, wait));
    });
    if (!store) throw catalog_failure(store.error(), path, is_dry);
    auto place = Packs::Directory::open(packs, RootMode::existing);
    if (!place) throw Failure{code_of(place.error()), describe(place.error(), packs)};
    auto plan = with_patience(wait, [&] {
        return bobbin::repair<Packs::Archive>(*place, *store, {.apply = !is_dry, .adopt = true});
    });
    if (!plan && plan.error().kind() == ErrorKind::locked) throw in_use(path, "adopting");
    if (!plan) throw Failure{code_of(plan.error()), describe(plan.error(), packs)};
    return std::move(*plan);
}

Repository::Repository(const std::string& path, For what, std::chrono::milliseconds wait)
    : path_{path}
    , wait_{wait}
    , parts_{std::make_unique<Parts>()} {
    const auto catalog = path + "/catalog.db";
    const bool reads = what == For::reading;
    struct stat status {};
    if (::stat(catalog.c_str(), &status) != 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            throw failure(Error::system(errno, Operation::open), {}, catalog);
        throw Failure{exit_failed, "there is no store in " + path + "; bobbin-pack --store " +
                                       path + " init makes one"};
    }
    // Only a writer deletes, and there is one at a time: it needs no lock against itself.
    const auto lock_path = path + "/readers.lock";
    int fd = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    // Where nothing can be written others may, by another way.
    if (fd < 0 && reads && (errno == EROFS || errno == EACCES))
        fd = ::open(lock_path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        parts_->readers.emplace(fd);
    else if (!reads || (errno != ENOENT && errno != EACCES))
        throw failure(Error::system(errno, Operation::open), {}, lock_path);
    if (fd >= 0 && reads)
        if (auto locked = lock(fd, LOCK_SH, wait); !locked) throw failure(locked.error());
    auto store = with_patience(
        wait, [&] { return SqliteStore::open(catalog, options_of(false, reads, wait)); });
    if (!store) throw catalog_failure(store.error(), path, reads);
    parts_->store.emplace(std::move(*store));
    if (reads) return;
    parts_->committer.emplace(*parts_->store);
    auto packs = with_patience(wait, [&] { return Packs::open(packs_path(), *parts_->committer); });
    if (!packs) throw failure(packs.error(), {}, packs_path());
    parts_->packs.emplace(std::move(*packs));
    parts_->threads.emplace(run_all(*parts_->committer, parts_->packs->syncer()));
    if (SyncedOnRequest<NoOp<PosixFile>>::syncs)
        settle_unsynced();
    else
        note_unsynced();
}

void Repository::note_unsynced() {
    const auto packs = view().packs();
    const auto last = packs.empty() ? ObjectId{} : packs.back().id;
    auto noted =
        parts_->committer->run([&](SqliteTransaction& tx) { return Unsynced::note(tx, last); });
    if (!noted) throw failure(noted.error(), "noting that nothing is synced");
}

void Repository::settle_unsynced() {
    const auto unsynced = Unsynced::read(store());
    if (!unsynced) throw failure(unsynced.error());
    if (!*unsynced) return;
    // In doubt until all of it is over: of a sync that failed the next one knows nothing.
    auto doubted =
        parts_->committer->run([](SqliteTransaction& tx) { return Unsynced::doubt(tx); });
    if (!doubted) throw failure(doubted.error());
    const Descriptor packs{::open(packs_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (packs.get() < 0 || ::syncfs(packs.get()) != 0)
        throw failure(Error::system(errno, Operation::sync), "syncing what --no-sync has left");
    if (!(*unsynced)->is_of_now()) {
        forget_pages(packs.get(), (*unsynced)->after);
        pack::VerifyOptions options;
        options.after = (*unsynced)->after;
        auto found = pack::verify_packs(view(), options);
        if (!found) throw failure(found.error(), "reading what --no-sync has left");
        auto mended = pack::repair(this->packs(), *found, [&] { return exclude_readers(); });
        if (!mended) throw failure(mended.error(), "mending what --no-sync has left");
        if (mended->lost != 0)
            print_error("a loss of power took " + std::to_string(mended->lost) +
                        " chunks of earlier saves with --no-sync; `bobbin-pack verify` tells which "
                        "snapshots miss them");
        // What the disk refuses may be there again tomorrow, and is read then.
        if (!mended->left.empty()) return;
    }
    auto cleared =
        parts_->committer->run([](SqliteTransaction& tx) { return Unsynced::clear(tx); });
    if (!cleared) throw failure(cleared.error());
}

/// So that the disk is read, and not what the kernel could not write.
void Repository::forget_pages(int directory, ObjectId after) {
    for (const auto& row : view().packs()) {
        if (row.id <= after) continue;
        const std::string name{std::string_view{ObjectName{row.id}}};
        const Descriptor file{::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC)};
        if (file.get() >= 0) (void)::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
    }
}

Repository::~Repository() {
    if (parts_->committer) (void)parts_->committer->drain(std::chrono::seconds{10});
}

const View& Repository::view() {
    if (parts_->packs) return parts_->packs->view();
    if (!parts_->view) {
        auto view = Packs::open_read_only(packs_path(), *parts_->store);
        if (!view) throw failure(view.error(), {}, packs_path());
        parts_->view.emplace(std::move(*view));
    }
    return *parts_->view;
}
Packs& Repository::packs() noexcept { return *parts_->packs; }
SqliteStore& Repository::store() noexcept { return *parts_->store; }

Snapshots Repository::snapshots() {
    auto all = pack::SnapshotRows::list(store());
    if (!all) throw failure(all.error(), "reading the list of snapshots");
    return std::move(*all);
}

Uuid Repository::find_id(std::string_view reference) {
    // Compared as text, so that nothing in it can be a wildcard.
    const bool is_id = reference.size() >= 4 && std::ranges::all_of(reference, [](unsigned char c) {
                           return std::isxdigit(c) != 0;
                       });
    if (!is_id)
        throw Failure{exit_usage,
                      "'" + std::string{reference} +
                          "' is no snapshot: give 'latest', or 4 or more digits of an id "
                          "as `bobbin-pack list` prints it"};
    std::string wanted{reference};
    std::ranges::transform(wanted, wanted.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto all = snapshots();
    auto ids = all.damaged;
    for (const auto& snapshot : all.whole) ids.push_back(snapshot.id);
    std::erase_if(ids, [&](const Uuid& id) { return !long_id(id).starts_with(wanted); });
    if (ids.size() > 1)
        throw Failure{exit_usage,
                      "more than one snapshot begins with '" + wanted + "'; give more digits"};
    if (ids.empty())
        throw Failure{exit_failed, "there is no snapshot '" + wanted +
                                       "'; `bobbin-pack list` prints those there are"};
    return ids.front();
}

Snapshot Repository::snapshot(std::string_view reference) {
    if (reference == "latest") {
        auto [all, damaged] = snapshots();
        // One of them may be the latest.
        for (const auto& id : damaged) print_error(words_of_damaged(id));
        while (!all.empty() && is_automatic(all.back())) all.pop_back();
        if (all.empty()) throw Failure{exit_failed, "the store has no snapshot yet"};
        return std::move(all.back());
    }
    const auto id = find_id(reference);
    auto all = snapshots().whole;
    const auto found = std::ranges::find(all, id, &Snapshot::id);
    if (found == all.end()) throw Failure{exit_damaged, words_of_damaged(id)};
    return std::move(*found);
}

void Repository::forget(const std::vector<Uuid>& ids) {
    auto done = parts_->committer->run([&](SqliteTransaction& tx) -> Result<void> {
        for (const auto& id : ids)
            if (auto removed = pack::SnapshotRows::remove(tx, id); !removed) return removed;
        return {};
    });
    if (!done) throw failure(done.error(), "deleting snapshots");
}

void Repository::remember_tree(const std::string& path) {
    if (knows_tree(path)) return;
    auto done =
        parts_->committer->run([&](SqliteTransaction& tx) { return KnownTrees::note(tx, path); });
    if (!done) throw failure(done.error(), "remembering the tree");
}

bool Repository::knows_tree(const std::string& path) {
    const auto is_known = KnownTrees::contain(store(), path);
    if (!is_known) throw failure(is_known.error(), "looking for the tree");
    return *is_known;
}

Repository::Exclusion::~Exclusion() {
    if (fd_ >= 0) (void)::flock(fd_, LOCK_UN);
}

Result<Repository::Exclusion> Repository::exclude_readers() {
    const int fd = parts_->readers->get();
    if (auto locked = lock(fd, LOCK_EX, std::max(wait_, std::chrono::milliseconds{1000})); !locked)
        return locked.error();
    return Exclusion{fd};
}

Failure Repository::failure(const Error& error, const std::string& doing,
                            const std::string& where) {
    if (error.kind() == ErrorKind::locked) return in_use(path_, doing);
    const bool is_of_pack = error.subject.type == Subject::Type::object;
    const auto text = parts_ && parts_->store && error.domain == Domain::sqlite
                          ? parts_->store->describe(error)
                      : is_of_pack ? describe_pack(error, path_)
                                   : describe(error, where.empty() ? path_ : where);
    auto advice = std::string{};
    if (is_of_pack && error.is_errno(EACCES))
        advice = "; what is in this pack is not known: let this user read it";
    if (error.kind() == ErrorKind::no_space)
        advice = "; nothing of it was saved: make room, and do it again";
    if (error.is(Errc::directory_missing_identity) || error.is(Errc::directory_mismatch) ||
        error.is(Errc::identity_malformed))
        advice = ": `bobbin-pack repair --adopt` does that";
    else if (code_of(error) == exit_damaged)
        advice = "; `bobbin-pack verify` tells what is damaged";
    return Failure{code_of(error), (doing.empty() ? "" : doing + ": ") + text + advice};
}

std::filesystem::path canonical(const std::string& path) {
    std::error_code error;
    auto real = std::filesystem::weakly_canonical(path, error);
    if (error)
        throw Failure{exit_failed,
                      describe(Error::system(error.value(), Operation::open), printable(path))};
    return real;
}

}  // namespace packs
