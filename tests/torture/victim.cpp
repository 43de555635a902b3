// A program that records on a real file system while its system calls are made to fail, and one that
// looks at what it left.
//   torture_victim record PLACE TOLD [OBJECTS]   records, deletes and rotates; notes in TOLD what it was told
//   torture_victim verify PLACE TOLD             recovers, and compares what is there with what was told
// TOLD is written through memory, so that no system call of its own can fail. Time stands still but
// for waiting, so that each run makes the same calls.

#include <bobbin/bobbin.hpp>
#include <bobbin/check.hpp>
#include <bobbin/file/auto.hpp>
#include <bobbin/index/video.hpp>
#include <bobbin/store/sqlite.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace bobbin;
using namespace std::chrono_literals;

namespace {

/// What the program was told, in a file that is mapped: it survives the death of the process.
struct Told {
    static constexpr std::size_t most = 4096;
    struct Entry {
        std::uint64_t id;
        std::uint64_t size;
        std::uint64_t is_deleted;
    };
    std::uint64_t count;
    std::uint64_t may_go;  ///< how many of the first entries may have been deleted untold
    std::uint64_t errors;
    std::array<Entry, most> entries;

    static Told& at(const char* path) {
        const int fd = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || ::ftruncate(fd, sizeof(Told)) != 0) throw std::runtime_error{"cannot open what was told"};
        void* memory = ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        ::close(fd);
        if (memory == MAP_FAILED) throw std::runtime_error{"cannot map what was told"};
        return *static_cast<Told*>(memory);
    }
    Entry* find(ObjectId id) {
        const auto last = entries.begin() + static_cast<std::ptrdiff_t>(count);
        const auto found = std::find_if(entries.begin(), last, [&](const Entry& e) { return e.id == id.value; });
        return found == last ? nullptr : &*found;
    }
};

struct Teller : NullObserver {
    Told* told = nullptr;
    void on_committed(ObjectId id, Bytes size) noexcept {
        if (told->count == Told::most) return;
        told->entries[told->count] = {id.value, size.value, 0};
        // Who looks at any moment sees no entry before what it says.
        std::atomic_ref{told->count}.store(told->count + 1, std::memory_order_release);
    }
    void on_deleted(ObjectId id) noexcept {
        if (auto* entry = told->find(id)) entry->is_deleted = 1;
    }
    void on_error(const Error& error) noexcept {
        ++told->errors;
        // A full disk costs the oldest objects.
        if (error.is_errno(ENOSPC)) told->may_go = told->count;
    }
};

using Recorder = Archive<Auto<PosixFile, ManualClock>, VideoIndex, SqliteStore, ManualClock, Teller>;

std::vector<std::byte> record_bytes(std::uint64_t n) {
    std::vector<std::byte> bytes(3000 + n * 977 % 4000);
    store_le(bytes.data(), n);
    for (std::size_t i = 8; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(n * 131 + i * 7 + i / 253);
    return bytes;
}

/// Everything that is open; throws what fails.
struct Open {
    Open(const std::string& place, Told& told, bool create)
        : store{need(SqliteStore::open(place + "/catalog.db", {.create = create}))},
          syncer{need(Recorder::Syncer::open(place + "/data", committer, {.create = create, .memory = 256_KiB}, clock,
                                             Teller{{}, &told}))} {}
    template <class T>
    static T need(Result<T> result) {
        if (result) return std::move(*result);
        throw std::runtime_error{SqliteStore::describe(result.error(), "something")};
    }
    static void need(const Result<void>& result) {
        if (!result) throw std::runtime_error{SqliteStore::describe(result.error(), "something")};
    }

    ManualClock clock;
    SqliteStore store;
    Committer<SqliteStore, ManualClock> committer{store, clock};
    Recorder::Syncer syncer;
};

void record(const std::string& place, Told& told, std::uint64_t objects) {
    Open open{place, told, true};
    const auto door = Open::need(open.store.stream("door"));
    auto writer = Open::need(open.syncer.writer(door));
    const auto lower = [&] {
        // There is room for one at least; after errors it may be one that was not told.
        told.may_go = told.errors != 0 || told.count == 0 ? told.count : told.count - 1;
        (void)open.committer.lower_retention(door, 45_KiB);
    };
    for (std::uint64_t object = 0; object < objects; ++object) {
        for (std::uint64_t i = 0; i < 4; ++i) {
            Open::need(writer.append(record_bytes(object * 100 + i), {MediaDuration{3000}, i % 2 == 0}));
            if (object % 3 != 1) continue;
            open.clock.advance(6s);  // a mark is due
            open.syncer.step();
            open.committer.step();
        }
        (void)open.syncer.wait(*writer.end(), 10s);
        if (object % 3 == 2) lower();
    }
    Open::need(open.committer.drain(60s));
}

void check(bool holds, const std::string& what) {
    if (!holds) throw std::runtime_error{what};
}

void check_object(Open& open, const ObjectRow& row) {
    const std::string name{std::string_view{ObjectName{row.id}}};
    auto object = Open::need(open.syncer.reader().open(row.id));
    std::uint64_t next = 0;
    bool is_right = true, is_first = true;
    Open::need(object.read_records<VideoIndex>([&](const auto&, ByteView bytes) {
        const auto n = load_le<std::uint64_t>(bytes.data());
        is_right = is_right && (is_first || n == next) && std::ranges::equal(bytes, record_bytes(n));
        is_first = false;
        next = n + 1;
    }));
    check(is_right, name + " holds other records than were appended");
}

void verify(const std::string& place, Told& told) {
    const auto before = told;
    // What was never opened completely may be made anew; then nothing was told, either.
    Open open{place, told, before.count == 0};
    for (std::size_t i = 0; i < before.count; ++i) {
        const auto& entry = before.entries[i];
        const auto row = Open::need(open.store.object(ObjectId{entry.id}));
        const std::string name{std::string_view{ObjectName{ObjectId{entry.id}}}};
        if (entry.is_deleted != 0)
            check(!row || row->state == ObjectState::garbage, name + " came back after its deletion was told");
        else if (row && row->state == ObjectState::committed)
            check(row->size.value == entry.size, name + " has another size than was told");
        else
            check(i < before.may_go, name + " was told to be safe, and is lost");
    }
    Open::need(open.committer.drain(60s));
    auto reader = Open::need(open.store.reader());
    for (const auto streams = Open::need(reader.streams()); const auto& stream : streams)
        for (const auto rows = Open::need(open.store.objects(stream.id, 0, UINT32_MAX)); const auto& row : rows)
            check_object(open, row);
    auto directory = Open::need(PosixDirectory::open(place + "/data"));
    const auto summary = bobbin::check<Recorder>(directory, reader, {.read_data = true}, [](const Finding& finding) {
        std::cerr << "check finds: " << name_of(finding.kind) << ' ' << std::string_view{ObjectName{finding.object}} << '\n';
    });
    Open::need(summary ? Result<void>{} : summary.error());
    check(summary->is_clean(), "check finds damage");
    check(summary->count(Disagreement::garbage) == 0 && summary->count(Disagreement::unfinished) == 0,
          "something is left undone");
}

}  // namespace

int main(int count, char** words) {
    const std::string_view what{count > 1 ? words[1] : ""};
    const std::uint64_t objects = count == 5 ? std::strtoull(words[4], nullptr, 10) : 6;
    if ((what != "record" || count < 4 || count > 5 || objects == 0 || objects > Told::most) &&
        (what != "verify" || count != 4)) {
        std::cerr << "usage: torture_victim record PLACE TOLD [OBJECTS]\n       torture_victim verify PLACE TOLD\n";
        return 2;
    }
    try {
        auto& told = Told::at(words[3]);
        (void)::getppid();  // marks for strace where our own calls begin
        if (what == "record")
            record(words[2], told, objects);
        else
            verify(words[2], told);
    } catch (const std::exception& error) {
        std::cerr << "torture_victim: " << what << ": " << error.what() << '\n';
        return 1;
    }
}
