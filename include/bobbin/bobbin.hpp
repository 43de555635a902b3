#ifndef BOBBIN_BOBBIN_HPP
#define BOBBIN_BOBBIN_HPP

#include <bobbin/archive.hpp>
#include <bobbin/committer.hpp>
#include <bobbin/reader.hpp>
#include <bobbin/syncer.hpp>
#include <bobbin/writer.hpp>

#endif
