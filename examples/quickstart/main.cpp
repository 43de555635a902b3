// Records a sensor, is killed in the middle, and shows what is left.
#include "sensor_index.hpp"

#include <bobbin/bobbin.hpp>
#include <bobbin/store/sqlite.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <thread>

namespace quickstart {

using namespace bobbin;
using namespace std::chrono_literals;

int report(const Error& error, const std::string& place) {
    std::cerr << "quickstart: " << SqliteStore::describe(error, place) << '\n';
    return 1;
}

std::string reading(std::uint64_t n) {
    return "reading " + std::to_string(n) + ": " + std::to_string(20 + n % 7) + " degrees\n";
}

// [record]
using Recorder = Archive<NoOp<PosixFile>, SensorIndex, SqliteStore>;  // the order does not matter

int record(const std::string& place, std::uint64_t n, auto acknowledged) {
    auto store = SqliteStore::open(place + "/catalog.db");
    if (!store) return report(store.error(), place);
    Committer committer{*store};
    auto syncer = Recorder::Syncer::open(place + "/data", committer,
                                         {.create = true, .mark_interval = 200ms});
    if (!syncer) return report(syncer.error(), place);
    auto threads = run_all(committer, *syncer);  // one each; nobody else makes any

    auto stream = store->stream("kitchen", {.retain = 1_GiB});  // found, or made
    if (!stream) return report(stream.error(), place);
    auto writer = syncer->writer(*stream);
    if (!writer) return report(writer.error(), place);
    for (;; std::this_thread::sleep_for(1ms)) {
        auto taken = writer->append(as_bytes(reading(n)), {SystemClock{}.realtime()});
        if (!taken) return report(taken.error(), place);
        if (++n % 1200 != 0) continue;
        auto id = writer->end();  // an object is complete
        if (auto safe = syncer->wait(*id, 10s); !safe) return report(safe.error(), place);
        acknowledged(n);  // here, and not before
    }
}
// [record]

// [read]
/// Opens what is there, which recovers it, and compares every reading with what was appended.
/// @returns how many there are, from the first on without a gap
std::optional<std::uint64_t> read_back(const std::string& place) {
    auto store = SqliteStore::open(place + "/catalog.db");
    if (!store) return report(store.error(), place), std::nullopt;
    Committer committer{*store};
    auto syncer = Recorder::Syncer::open(place + "/data", committer, {.create = true});
    if (!syncer) return report(syncer.error(), place), std::nullopt;
    auto stream = store->stream("kitchen", {.retain = 1_GiB});
    if (!stream) return report(stream.error(), place), std::nullopt;

    auto reader = syncer->reader();
    auto rows = store->objects(*stream, 1, UINT32_MAX);
    if (!rows) return report(rows.error(), place), std::nullopt;
    std::uint64_t n = 0;
    for (const auto& row : *rows) {
        auto object = reader.open(row.id);
        if (!object) return report(object.error(), place), std::nullopt;
        const auto first = n;
        bool is_right = true;
        auto read = object->read_records<SensorIndex>([&](const auto&, ByteView bytes) {  // verified
            is_right = is_right && std::ranges::equal(bytes, as_bytes(reading(n++)));
        });
        if (!read) return report(read.error(), place), std::nullopt;
        if (!is_right) return std::cerr << "not what was appended\n", std::nullopt;
        std::cout << "  object " << std::string_view{ObjectName{row.id}} << ": readings " << first
                  << " to " << n - 1
                  << (row.is_recovered ? ", recovered up to its last mark\n" : "\n");
    }
    return n;
}
// [read]

/// Starts a child that records, kills it, and reads back what it left.
int crash_and_come_back(const std::string& place) {
    std::cout << "in " << place << ":\n";
    const auto before = read_back(place);
    if (!before) return 1;

    int pipe[2];
    if (::pipe(pipe) != 0) return report(Error::system(errno, Operation::start), "a child");
    const auto child = ::fork();
    if (child < 0) return report(Error::system(errno, Operation::start), "a child");
    if (child == 0) {
        ::close(pipe[0]);
        ::_exit(record(place, *before, [&](std::uint64_t n) {
            if (::write(pipe[1], &n, sizeof n) != sizeof n) ::_exit(1);
        }));
    }
    ::close(pipe[1]);
    std::uint64_t acknowledged = *before;
    while (::read(pipe[0], &acknowledged, sizeof acknowledged) > 0) {
        std::this_thread::sleep_for(1150ms);  // into the next object
        ::kill(child, SIGKILL);
    }
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFSIGNALED(status)) return 1;  // it has said why
    std::cout << acknowledged << " readings were acknowledged, then the recorder was killed.\n"
              << "Opened again:\n";

    const auto after = read_back(place);
    if (!after) return 1;
    std::cout << *after << " readings are there, verified: "
              << (*after < acknowledged ? "acknowledged ones are LOST.\n"
                                        : "nothing acknowledged was lost.\n");
    return *after < acknowledged ? 1 : 0;
}

}  // namespace quickstart

int main(int argc, char** argv) try {
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        const bool asks = argc == 2 && std::string_view{argv[1]} == "--help";
        (asks ? std::cout : std::cerr)
            << "usage: quickstart [DIRECTORY]\n"
               "Records, is killed, recovers and reads back; in a temporary directory that goes, "
               "or in one that stays.\n"
               "Exit code: 0 all is well, 1 something failed or was lost, 2 wrong usage.\n";
        return asks ? 0 : 2;
    }
    if (argc == 2) {
        std::filesystem::create_directories(argv[1]);
        return quickstart::crash_and_come_back(argv[1]);
    }
    auto place = (std::filesystem::temp_directory_path() / "quickstart-XXXXXX").string();
    if (!::mkdtemp(place.data()))
        return quickstart::report(bobbin::Error::system(errno, bobbin::Operation::create), place);
    const auto code = quickstart::crash_and_come_back(place);
    std::filesystem::remove_all(place);
    return code;
} catch (const std::exception& error) {
    std::cerr << "quickstart: " << error.what() << '\n';
    return 1;
}
