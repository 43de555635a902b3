// Databases in a directory that goes with the test.
#ifndef BOBBIN_TESTS_STORE_SQLITE_FILES_HPP
#define BOBBIN_TESTS_STORE_SQLITE_FILES_HPP

#include <bobbin/store/sqlite.hpp>
#include <bobbin/testing/conformance/metadata_store.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace bobbin_tests {

using namespace bobbin;

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        auto name = (std::filesystem::temp_directory_path() / "bobbin-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw std::runtime_error{"no temporary directory"};
        path_ = name;
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string operator/(std::string_view name) const { return (path_ / name).string(); }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// The value, or the test ends with the message.
template <class T>
T must(Result<T> result) {
    if (!result) BOOST_FAIL(SqliteStore::describe(result.error(), "it"));
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline SqliteStore open_store(const std::string& path, SqliteOptions options = {}) {
    options.busy_timeout = std::chrono::milliseconds{20};
    options.reserve = {};  // see store/sqlite_reserve
    return must(SqliteStore::open(path, options));
}
inline Result<SqliteStore> try_open(const std::string& path, SqliteOptions options = {}) {
    options.busy_timeout = std::chrono::milliseconds{20};
    options.reserve = {};  // see store/sqlite_reserve
    return SqliteStore::open(path, options);
}

/// Committed objects of one stream in one directory, with nothing but an index. They need no memory of ours.
struct Objects {
    explicit Objects(SqliteStore& store) : stream{must(store.stream("door"))} {
        Uuid uuid;
        uuid.bytes[0] = std::byte{1};
        auto tx = must(store.begin());
        directory = must(tx.add_directory(uuid));
        must(tx.commit());
    }

    Result<void> add(SqliteStore& store, Sequence number, std::size_t index = 6000) const {
        auto tx = store.begin();
        if (!tx) return tx.error();
        ObjectRow row;
        row.id = {stream, number};
        row.directory = directory;
        row.open = store.open_record().id;
        row.state = ObjectState::committed;
        row.end_reason = EndReason::ended;
        row.index_format = FormatId{"test.v1"};
        row.digest_format = FormatId{"none"};
        if (auto put = tx->put(row); !put) return put;
        static constexpr std::array<std::byte, 8192> bytes{};
        if (auto put = tx->put_piece({row.id, PieceKind::index, 0, ByteView{bytes}.first(index)}); !put) return put;
        return tx->commit();
    }

    StreamId stream;
    DirectoryId directory;
};

inline std::string content_of(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}
inline void write_file(const std::string& path, std::string_view content) {
    std::ofstream{path, std::ios::binary}.write(content.data(),
                                                static_cast<std::streamsize>(content.size()));
}

/// Whatever SQL, behind the store's back.
inline void tamper(const std::string& path, const std::string& sql) {
    sqlite3* db = nullptr;
    BOOST_REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
    char* message = nullptr;
    const int code = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message);
    BOOST_TEST(code == SQLITE_OK, (message ? message : ""));
    sqlite3_free(message);
    sqlite3_close(db);
}

/// A stream, a directory and one committed object.
struct Filled {
    StreamId stream;
    DirectoryId directory;
    ObjectRow row;

    explicit Filled(SqliteStore& store) : stream{must(store.stream("door"))} {
        auto t = must(store.begin());
        directory = must(t.add_directory(testing::conformance::detail::uuid_of(1)));
        row = testing::conformance::detail::committed_row(stream, 1, directory,
                                                          store.open_record().id);
        must(t.put(row));
        must(t.commit());
    }
};

}  // namespace bobbin_tests

#endif
