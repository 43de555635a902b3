#ifndef NVR_CLI_SERVICE_HPP
#define NVR_CLI_SERVICE_HPP

#include "http/server.hpp"

#include <bobbin/core/bytes.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace nvr {

/// A text for people: what failed, and what to do.
struct ServiceError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct NewCamera {
    std::string name;
    std::string url;
};

/// Makes what is missing of the path; the last part for the owner alone.
/// Throws ServiceError.
void make_directory(const std::string& path);

struct ServiceOptions {
    std::string directory;
    std::vector<NewCamera> cameras;  ///< added to the catalog, or updated there
    std::optional<bobbin::Bytes> retain;  ///< quota of each of `cameras`; none: a share of the disk
    std::chrono::seconds rotate{60};
    bobbin::Bytes scrub{std::uint64_t{4} << 20};  ///< read again in a second; 0: nothing is
    http::ServerOptions server;
    bool allow_unauthenticated = false;
};

/// The recorder: store, threads, cameras and the HTTP server over one directory. Records and serves as
/// soon as it is made.
class Service {
public:
    /// Throws ServiceError.
    explicit Service(ServiceOptions options);
    /// As `stop`.
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    /// `http://127.0.0.1:8080/`
    std::string address() const;

    /// Ends the runs, waits until all is committed. False where something could not be.
    bool stop();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// Where a recorder's directory has what.
std::string catalog_path(const std::string& directory);
std::string footage_path(const std::string& directory);

}  // namespace nvr

#endif
