public import DocumentStore
private import Records

/// Every collection of market data, as `tapedesk init` makes them.
public enum MarketDataCollections {
    public static let all: [CollectionSpecification] =
        [MarketDataCollection.specification, CandlesCollection.specification] + RecordCollections.all
        + [DeletionsCollection.specification]
}
