#ifndef BOBBIN_PACK_HPP
#define BOBBIN_PACK_HPP

#include <bobbin/pack/cached_pack.hpp>
#include <bobbin/pack/cached_part.hpp>
#include <bobbin/pack/chunk_index.hpp>
#include <bobbin/pack/chunker.hpp>
#include <bobbin/pack/concept.hpp>
#include <bobbin/pack/content.hpp>
#include <bobbin/pack/fast_cdc.hpp>
#include <bobbin/pack/file_cache.hpp>
#include <bobbin/pack/format.hpp>
#include <bobbin/pack/ignore.hpp>
#include <bobbin/pack/live_chunks.hpp>
#include <bobbin/pack/owner_names.hpp>
#include <bobbin/pack/pack_file.hpp>
#include <bobbin/pack/pack_index.hpp>
#include <bobbin/pack/pack_reader.hpp>
#include <bobbin/pack/pack_set.hpp>
#include <bobbin/pack/pack_set_cache.hpp>
#include <bobbin/pack/pack_source.hpp>
#include <bobbin/pack/pack_store.hpp>
#include <bobbin/pack/pack_view.hpp>
#include <bobbin/pack/pack_writer.hpp>
#include <bobbin/pack/prune.hpp>
#include <bobbin/pack/repair.hpp>
#include <bobbin/pack/restore.hpp>
#include <bobbin/pack/restore_options.hpp>
#include <bobbin/pack/save.hpp>
#include <bobbin/pack/save_options.hpp>
#include <bobbin/pack/scan_report.hpp>
#include <bobbin/pack/tree.hpp>
#include <bobbin/pack/tree_reader.hpp>
#include <bobbin/pack/verify.hpp>

#endif
