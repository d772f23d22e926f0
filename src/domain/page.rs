//! Pages of a list.

/// The allowed numbers of items per page.
pub const PAGE_SIZES: [u32; 5] = [5, 10, 25, 50, 100];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    page: u64,
    per_page: u32,
}

impl PageRequest {
    /// The first page, of ten items.
    pub const DEFAULT: Self = Self { page: 1, per_page: 10 };

    /// `page` counts from 1.
    pub const fn new(page: u64, per_page: u32) -> Self {
        Self { page, per_page }
    }

    pub fn parse_page(text: &str) -> Result<u64, String> {
        match text.parse() {
            Ok(page) if page >= 1 => Ok(page),
            _ => Err(format!("'{text}' is not a page; it must be a whole number, at least 1")),
        }
    }

    pub fn parse_per_page(text: &str) -> Result<u32, String> {
        text.parse().ok().filter(|size| PAGE_SIZES.contains(size)).ok_or_else(|| {
            format!("'{text}' is not a page size; it must be one of 5, 10, 25, 50, 100")
        })
    }

    /// Counted from 1.
    pub const fn page(self) -> u64 {
        self.page
    }

    pub const fn per_page(self) -> u32 {
        self.per_page
    }

    /// How many items come before this page. Saturates far past the end.
    pub fn offset(self) -> u64 {
        (self.page - 1).saturating_mul(u64::from(self.per_page))
    }
}

/// A page of a list, and the total number of items.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub request: PageRequest,
    /// Empty past the end.
    pub items: Vec<T>,
    /// The number of items of the whole list.
    pub total: u64,
}

impl<T> Page<T> {
    /// 0 for an empty list.
    pub fn total_pages(&self) -> u64 {
        self.total.div_ceil(u64::from(self.request.per_page))
    }

    /// The number of the last page; 1 for an empty list.
    pub fn last_page(&self) -> u64 {
        self.total_pages().max(1)
    }

    /// The page before this one; from past the end, the last one.
    pub fn prev(&self) -> Option<u64> {
        (self.request.page > 1).then(|| (self.request.page - 1).min(self.last_page()))
    }

    /// The page after this one, if it has items.
    pub fn next(&self) -> Option<u64> {
        (self.request.page < self.total_pages()).then(|| self.request.page + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: u64, total: u64) -> Page<()> {
        Page { request: PageRequest::new(number, 10), items: Vec::new(), total }
    }

    #[test]
    fn pages_are_counted_up_to_the_last_item() {
        assert_eq!(page(1, 0).total_pages(), 0);
        assert_eq!(page(1, 10).total_pages(), 1);
        assert_eq!(page(1, 11).total_pages(), 2);
    }

    #[test]
    fn neighbours_exist_only_where_there_is_something_to_see() {
        assert_eq!((page(1, 25).prev(), page(1, 25).next()), (None, Some(2)));
        assert_eq!((page(3, 25).prev(), page(3, 25).next()), (Some(2), None));
        assert_eq!((page(9, 25).prev(), page(9, 25).next()), (Some(3), None));
        assert_eq!((page(1, 0).prev(), page(1, 0).next()), (None, None));
        assert_eq!(page(2, 0).prev(), Some(1));
    }

    #[test]
    fn a_page_far_past_any_end_does_not_overflow() {
        let last = PageRequest::new(u64::MAX, 100);
        assert_eq!(last.offset(), u64::MAX);
        assert_eq!(Page::<()> { request: last, items: vec![], total: 1 }.next(), None);
    }

    #[test]
    fn only_documented_sizes_and_whole_numbers_are_read() {
        assert_eq!(PageRequest::parse_page("7"), Ok(7));
        for text in ["0", "-1", "1.0", "abc", "", "18446744073709551616"] {
            assert!(PageRequest::parse_page(text).is_err(), "{text}");
        }
        assert_eq!(PageRequest::parse_per_page("25"), Ok(25));
        for text in ["0", "7", "1000", "ten"] {
            assert!(PageRequest::parse_per_page(text).is_err(), "{text}");
        }
    }
}
